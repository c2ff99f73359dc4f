public import ClusterModel
import EventRouting
public import HostPorts
import Metrics
import Synchronization

/// Where events come to lie in the outbox of a node: those that its entrance took, and those that modules
/// published here. They are durable on this node when it returns; ``OutboxForwarder`` hands them over.
public final class OutboxEntry: Sendable {
  let outbox: any Outbox
  let node: NodeID
  private let clock: any HostClock
  /// Wakes whoever forwards; `nil` while nobody does.
  private let sign = Mutex<AsyncStream<Void>.Continuation?>(nil)
  private let accepted = Counter(label: "wasmatrix_outbox_accepted_total")

  public init(_ outbox: any Outbox, of node: NodeID, clock: any HostClock) {
    self.outbox = outbox
    self.node = node
    self.clock = clock
  }

  /// - Throws: ``Problem`` `outbox_full`, or what the disk says; then it is not kept.
  func accept(_ event: Event) async throws(Problem) {
    try await accept([event])
  }

  /// What a module published when it handled `cause` here: all of it or nothing.
  func accept(
    _ published: [GuestPublish], of cause: Event, by module: QualifiedName
  ) async throws(Problem) {
    let now = clock.now().wall
    // The same event may be given to a module any number of times: each run is one of its own.
    let run = String(UInt64.random(in: .min ... .max), radix: 16)
    try await accept(
      published.enumerated().map { index, publish in
        EventRouter.event(
          publish, of: cause, by: module, at: now,
          id: EventRouter.fitting("\(node).\(run).\(index + 1)-\(cause.id)"))
      })
  }

  private func accept(_ events: [Event]) async throws(Problem) {
    try await outbox.append(events)
    accepted.increment(by: Int64(events.count))
    sign.withLock { $0 }?.yield()
  }

  /// From now on this is told when something came.
  func wake(_ continuation: AsyncStream<Void>.Continuation) {
    sign.withLock { $0 = continuation }
  }
}
