import ClusterModel
import GuestAccess
import HostPorts
import NodeAgent
import Synchronization

/// Answers what a module asks that is run by hand. What it may and what it sees of its own writes is decided
/// as on a node, by ``GuestSession``; what it wants done is gathered there.
///
/// The lock only guards against an engine that does not keep to its word; calls come one after the other.
final class LocalRequests: GuestServices {
  private let session: Mutex<GuestSession>
  /// `nil` when no bucket is granted.
  private let state: (any StateStore)?
  private let http: any OutboundHTTP
  private let clock: any HostClock
  private let denials: any DenialWatch

  /// - Parameter denials: hears of what is not granted, and says what becomes of it.
  init(
    _ grants: CapabilityGrants, state: (any StateStore)?, http: any OutboundHTTP,
    clock: any HostClock, denials: any DenialWatch
  ) {
    session = Mutex(GuestSession(grants))
    self.state = state
    self.http = http
    self.clock = clock
    self.denials = denials
  }

  /// What it wants done, once it has ended.
  var effects: ActivationEffects { session.withLock { $0.effects } }

  func answer(_ call: GuestCall) async -> GuestAnswer {
    do throws(Problem) {
      switch session.withLock({ $0.handle(call) }) {
      case .answer(let answer): return answer
      case .deny(let denial): return refuse(denial)
      // There is no node that remembers anything: whatever is read is as new as there is.
      case .read(let bucket, let key, _):
        let entry = try await granted.get(key, in: bucket, of: .default, at: clock.now().wall)
        return session.withLock { $0.found(entry, for: call) }
      case .list(let bucket, let prefix, let after, let limit):
        return try await list(call, bucket, prefix, after, limit)
      case .invalidate: return .done
      case .send(let request, let grant):
        switch try await http.send(request, under: grant) {
        case .answered(let answer): return .response(answer)
        case .denied(let reason):
          return refuse(session.withLock { $0.refused(request, reason) })
        }
      }
    } catch {
      return .refused(error)
    }
  }

  func denied(_ denial: CapabilityDenial) -> DenialPolicy { denials.denied(denial) }

  private func refuse(_ denial: CapabilityDenial) -> GuestAnswer {
    switch denials.denied(denial) {
    case .refuse: .refused(denial.problem)
    case .end: .ended(denial)
    }
  }

  private var granted: any StateStore {
    guard let state else { preconditionFailure("it was denied") }
    return state
  }

  private func list(
    _ call: GuestCall, _ bucket: BucketName, _ prefix: String, _ after: StateKey?, _ limit: Int
  ) async throws(Problem) -> GuestAnswer {
    try await GuestLists.answer(after: after, limit: limit) {
      (key, limit) async throws(Problem) in
      try await granted.list(
        bucket, of: .default, prefix: prefix, after: key, limit: limit, at: clock.now().wall)
    } listed: { entries, isComplete in
      session.withLock { $0.listed(entries, isComplete: isComplete, for: call) }
    }
  }
}
