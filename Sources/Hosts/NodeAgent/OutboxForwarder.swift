import ClusterModel
public import HostPorts
public import Logging
import Metrics
public import SupervisionRuntime

/// Hands over what lies in a node's outbox to the control plane: oldest first, each until it is durable there.
///
///     waits ──an event came──> forwards ──durable there──> forgets ──nothing left──> waits
///                                 │ ▲
///                          away, full └──a moment later; meanwhile ``LocalDeliveries``
///
/// An event that the control plane refuses for good would hold up all behind it: it is put down in the log of the
/// node, counted and let go. Whoever lays events there refuses such ones, as far as that can be known.
///
/// An event whose acknowledgement was lost is handed over again, and known again there by its source and id.
public final class OutboxForwarder: SupervisedService {
  /// How far one run of the service is.
  private struct Course {
    /// The event that was looked at last while the control plane was away.
    var last: Int64 = 0
    /// When the control plane is tried again; `nil` for at once.
    var notBefore: MonotonicInstant?
    var isAway = false
  }

  private let entry: OutboxEntry
  private let plane: any ControlPlaneConnection
  private let local: LocalDeliveries
  private let clock: any HostClock
  private let logger: Logger
  private let forwarded = Counter(label: "wasmatrix_outbox_forwarded_total")
  private let refused = Counter(label: "wasmatrix_outbox_refused_total")
  private let waiting = Gauge(label: "wasmatrix_outbox_events")

  /// Events in one message: enough that the way there and back matters little.
  private static let batch = 256
  /// How soon it is tried again when the control plane is away or full.
  private static let retryInterval = Duration.milliseconds(250)
  private static let longestWait = Duration.seconds(5)

  private var outbox: any Outbox { entry.outbox }

  /// - Parameter agents: where the agent of this node is, whose modules are woken while the control plane is away.
  public init(
    _ entry: OutboxEntry, to plane: any ControlPlaneConnection,
    agents: ResourceSlot<NodeAgent>, clock: any HostClock, logger: Logger
  ) {
    local = LocalDeliveries(
      entry.outbox, of: entry.node, agents: agents, clock: clock, logger: logger)
    self.entry = entry
    self.plane = plane
    self.clock = clock
    self.logger = logger
  }

  @concurrent public func run(ready: @escaping @Sendable () -> Void) async throws {
    let (signs, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    entry.wake(continuation)
    // It is looked at again and again, so that a control plane that is back is found.
    let ticking = Task {
      while (try? await Task.sleep(for: Self.retryInterval)) != nil { continuation.yield() }
    }
    defer { ticking.cancel() }
    ready()
    continuation.yield()
    var course = Course()
    for await () in signs {
      while try await forwardSome(&course) {}
    }
  }

  /// - Returns: whether there may be more to do.
  private func forwardSome(_ course: inout Course) async throws -> Bool {
    waiting.record(outbox.usage.events)
    guard outbox.usage.events > 0, !Task.isCancelled else { return false }
    if let at = course.notBefore, clock.now().monotonic < at {
      guard course.isAway else { return false }
      return try await local.handleSome(after: &course.last)
    }
    let events = try await outbox.oldest(limit: Self.batch)
    guard !events.isEmpty else { return false }
    let problem: Problem?
    do throws(Problem) {
      let result = try await plane.forward(
        events.map { ForwardedEvent($0.event, handledBy: $0.handledBy) }, from: entry.node)
      problem = try await settle(events, result)
    } catch {
      problem = error
    }
    guard let problem else { return true }
    let wait = min(problem.retryAfter ?? Self.retryInterval, Self.longestWait)
    course.notBefore = clock.now().monotonic + wait
    course.isAway = problem.isControlPlaneAway
    if course.isAway { return true }
    logger.warning(
      "the control plane does not take what this node has accepted; trying again",
      metadata: ["problem": "\(problem)", "waiting": "\(outbox.usage.events)"])
    return false
  }

  /// Forgets what the control plane has, and what it will never take.
  ///
  /// - Returns: why the rest must wait.
  private func settle(
    _ events: [OutboxEvent], _ result: ForwardedEvents
  ) async throws(Problem) -> Problem? {
    if result.count > 0, let last = events.prefix(result.count).last {
      try await outbox.forget(through: last.number)
      forwarded.increment(by: Int64(result.count))
    }
    guard let problem = result.problem, result.count < events.count else { return nil }
    switch problem.category {
    case .invalidInput, .refused, .tooLarge, .notFound:
      let event = events[result.count]
      logger.error(
        "the control plane refuses for good what this node has accepted",
        metadata: [
          "event": "\(event.event.id)", "source": "\(event.event.source)",
          "topic": "\(event.event.topic)", "problem": "\(problem)",
        ])
      try await outbox.forget(through: event.number)
      refused.increment()
      return nil
    case .conflict, .overloaded, .guestFailed, .deadlineExceeded, .unavailable, .internalFault:
      return problem
    }
  }
}
