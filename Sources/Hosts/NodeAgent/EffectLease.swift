import ClusterModel
import Synchronization

/// Until when effects of what must stop when isolated are let out. Written by the agent, read by whoever has
/// an effect, on any thread: one that stood still and goes on finds out before it does harm.
final class EffectLease: Sendable {
  /// Nanoseconds of the host's monotonic clock.
  private let end: Atomic<Int64>

  init(until end: MonotonicInstant?) {
    self.end = Atomic(Self.nanoseconds(end))
  }

  /// - Parameter end: `nil` for not at all.
  func runs(until end: MonotonicInstant?) {
    self.end.store(Self.nanoseconds(end), ordering: .releasing)
  }

  func holds(at now: MonotonicInstant) -> Bool {
    now.nanoseconds < end.load(ordering: .acquiring)
  }

  private static func nanoseconds(_ end: MonotonicInstant?) -> Int64 { end?.nanoseconds ?? .min }
}

/// Whether an activation, or a service, of what must stop when isolated may have another effect now.
struct EffectRight: Sendable {
  let holds: @Sendable (MonotonicInstant) -> Bool
  /// What it says to the control plane that it may; `nil` when it never served.
  let claim: @Sendable () -> EffectClaim?
}

extension Deployment {
  /// Whether it may not serve on a node that hears nothing of the control plane.
  var mustStopAlone: Bool { configuration.placement.isolation == .stop }
}
