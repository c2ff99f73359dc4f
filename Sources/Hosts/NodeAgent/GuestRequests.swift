import ClusterModel
import GuestAccess
import HostPorts
import Logging
import Metrics
import Synchronization

/// Answers what one activation asks: it owns the ``GuestSession`` that decides, and reads state for it.
///
/// The lock only guards against an engine that does not keep to its word; calls come one after the other.
final class GuestRequests: GuestServices {
  private let session: Mutex<GuestSession>
  private let placement: Placement
  private let activation: DeniedActivation
  /// Asked before each effect; `nil` for what may serve on when isolated.
  private let right: EffectRight?
  /// Whether what it wants done is done call by call, and not when it has ended.
  private let commitsAtOnce: Bool
  private let plane: any ControlPlaneConnection
  private let keeper: EffectKeeper
  private let cache: StateCache
  private let http: any OutboundHTTP
  private let clock: any HostClock
  private let logger: Logger

  init(
    _ placement: Placement, _ activation: DeniedActivation, right: EffectRight?,
    commitsAtOnce: Bool = false, plane: any ControlPlaneConnection, keeper: EffectKeeper,
    cache: StateCache, http: any OutboundHTTP, clock: any HostClock, logger: Logger
  ) {
    session = Mutex(GuestSession(placement.deployment.configuration.capabilities))
    self.placement = placement
    self.activation = activation
    self.right = right
    self.commitsAtOnce = commitsAtOnce
    self.plane = plane
    self.keeper = keeper
    self.cache = cache
    self.http = http
    self.clock = clock
    self.logger = logger
  }

  /// What the activation wants done, once it has ended.
  var effects: ActivationEffects { session.withLock { $0.effects } }

  func answer(_ call: GuestCall) async -> GuestAnswer {
    let answer = await decide(call)
    guard commitsAtOnce else { return answer }
    let effects = session.withLock { $0.takeEffects() }
    guard !effects.isEmpty else { return answer }
    do throws(Problem) {
      try await keeper.keep(effects, of: activation, by: right, on: activation.cause)
      for write in effects.writes {
        cache.forget(write.key, in: write.bucket, of: activation.module.namespace)
      }
      return answer
    } catch {
      return .refused(error)
    }
  }

  private func decide(_ call: GuestCall) async -> GuestAnswer {
    do throws(Problem) {
      switch session.withLock({ $0.handle(call) }) {
      case .answer(let answer): return answer
      case .deny(let denial): return await refuse(denial)
      case .read(let bucket, let key, let consistency):
        let namespace = activation.module.namespace
        let entry =
          switch consistency {
          case .cached: try await cache.entry(key, in: bucket, of: namespace)
          case .strong: try await plane.state.entry(key, in: bucket, of: namespace)
          }
        return session.withLock { $0.found(entry, for: call) }
      case .list(let bucket, let prefix, let after, let limit):
        return try await list(call, bucket, prefix, after, limit)
      case .invalidate(let bucket, let key):
        cache.forget(key, in: bucket, of: activation.module.namespace)
        return .done
      case .send(let request, let grant):
        try mayAct()
        switch try await http.send(request, under: grant) {
        case .answered(let answer): return .response(answer)
        case .denied(let reason):
          return await refuse(session.withLock { $0.refused(request, reason) })
        }
      }
    } catch {
      return .refused(error)
    }
  }

  /// As late as it can be asked: what was asked before may have waited.
  private func mayAct() throws(Problem) {
    if let right, !right.holds(clock.now().monotonic) { throw Problem.leaseOver }
  }

  private func refuse(_ denial: CapabilityDenial) async -> GuestAnswer {
    await record(denial)
    return onDenial == .end ? .ended(denial) : .refused(denial.problem)
  }

  /// It is on record soon: a guest that ran into its folder's walls waits for no disk. Nothing bounds how
  /// often it does so, so that what is not recorded is not logged either.
  func denied(_ denial: CapabilityDenial) -> DenialPolicy {
    count(denial)
    if placement.mayRecordDenial(at: clock.now().monotonic) {
      log(denial)
      Task { await keep(denial) }
    }
    return onDenial
  }

  private var onDenial: DenialPolicy {
    placement.deployment.configuration.capabilities.onDenial
  }

  private func list(
    _ call: GuestCall, _ bucket: BucketName, _ prefix: String, _ after: StateKey?, _ limit: Int
  ) async throws(Problem) -> GuestAnswer {
    try await GuestLists.answer(after: after, limit: limit) {
      (key, limit) async throws(Problem) in
      try await plane.state.entries(
        in: bucket, of: activation.module.namespace, prefix: prefix, after: key, limit: limit)
    } listed: { entries, isComplete in
      session.withLock { $0.listed(entries, isComplete: isComplete, for: call) }
    }
  }

  /// A refusal is on record before the guest hears of it, which also keeps it from filling the record
  /// faster than the disk takes it.
  private func record(_ denial: CapabilityDenial) async {
    count(denial)
    log(denial)
    if placement.mayRecordDenial(at: clock.now().monotonic) { await keep(denial) }
  }

  private func log(_ denial: CapabilityDenial) {
    logger.warning(
      "a module asked for what it is not granted",
      metadata: [
        "module": "\(activation.module)@\(activation.version)", "node": "\(activation.node)",
        "event": "\(activation.eventID)", "call": "\(denial.call)",
        "subject": "\(denial.subject)", "reason": "\(denial.reason)",
      ])
  }

  private func count(_ denial: CapabilityDenial) {
    Counter(
      label: "wasmatrix_capability_denials_total",
      dimensions: [
        ("module", activation.module.description), ("capability", denial.capability.rawValue),
      ]
    ).increment()
  }

  private func keep(_ denial: CapabilityDenial) async {
    do throws(Problem) {
      try await plane.record(denial, of: activation)
    } catch {
      logger.error("a denial could not be recorded", metadata: ["problem": "\(error)"])
    }
  }
}
