import ClusterModel
import Foundation
import HostPorts
import SwiftProtobuf
import Synchronization
import WireMessages

/// An agent that is attached over the wire, as the control plane sees it. Its streams are driven by
/// ``AttachService``: they write what is queued here, and hand in what comes.
final class RemoteAgent: AgentConnection {
  let node: NodeID
  let incarnation: Incarnation
  let programVersion: String?
  /// Names the attachment on its other streams.
  let session: String
  let frames: OutboundQueue<PlaneFrame>
  private let heartbeats: (any HeartbeatReception)?
  let orders: RunQueue
  /// How long it may take to answer an inquiry; it may be frozen.
  let inquiryPatience: Duration
  private let takesPieces: Bool
  let readsDigits: Bool
  let state: Mutex<State>
  /// What its newest plan said; `nil` when it remembers nothing.
  private let plan: Mutex<OrderMemory?>
  private let documents: OrderDocuments

  struct State {
    var isOver = false
    /// Whether the control plane has closed it.
    var isClosed = false
    /// Called when it is over.
    var watchers: [@Sendable () -> Void] = []
    /// Invocations that may be begun.
    var credit = 0
    var lastRun: UInt64 = 0
    /// Who hear how invocations ended.
    var runs: [UInt64: @Sendable (ActivationReport) -> Void] = [:]
    /// Cancelled before they were asked for.
    var cancelled: Set<UInt64> = []
    var lastInquiry: UInt64 = 0
    var inquiries: [UInt64: CheckedContinuation<WireInquiryAnswer?, Never>] = [:]
    var followers: [UInt64: AsyncStream<LogLine>.Continuation] = [:]
    var facts: NodeFacts
  }

  init(
    _ node: NodeID, _ incarnation: Incarnation, session: String, facts: NodeFacts,
    features: [String], programVersion: String?, documents: OrderDocuments,
    frames: OutboundQueue<PlaneFrame>, orders: RunQueue = RunQueue(),
    heartbeats: (any HeartbeatReception)?, inquiryPatience: Duration
  ) {
    self.orders = orders
    self.heartbeats = heartbeats
    self.inquiryPatience = inquiryPatience
    self.documents = documents
    takesPieces = features.contains(WireGreeting.eventPieces)
    readsDigits = features.contains(WireGreeting.digits)
    self.programVersion = programVersion
    self.node = node
    self.incarnation = incarnation
    self.session = session
    self.frames = frames
    plan = Mutex(features.contains(WireGreeting.knownOrders) ? OrderMemory() : nil)
    state = Mutex(State(facts: facts))
  }

  func send(_ message: ControlMessage) {
    if case .heartbeatAcknowledged = message, heartbeats?.send(message, to: node) == true { return }
    if !frames.send(PlaneFrame { [weak self] in self?.frame(message) }) { end() }
  }

  /// In the order in which they are written: each plan refers to the one before.
  private func frame(_ message: ControlMessage) -> WirePlaneFrame? {
    // A deployment that cannot be written is a fault of this program: the agent learns of it no way.
    plan.withLock { try? WirePlaneFrame(message, &$0, documents) }
  }

  func closed() {
    state.withLock { $0.isClosed = true }
    end()
  }

  /// Whether nothing counts any more that its agent says, also what is here already.
  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Nothing more is written or read; whoever waits hears so.
  func end() {
    let (runs, inquiries, followers, watchers) = state.withLock { state in
      state.isOver = true
      defer {
        state.runs = [:]
        state.inquiries = [:]
        state.followers = [:]
        state.watchers = []
      }
      return (state.runs, state.inquiries, state.followers, state.watchers)
    }
    frames.finish()
    orders.finish()
    for run in runs.values {
      run(Self.failed(.nodeLost, "the way to node \(node) ended while it ran this"))
    }
    for inquiry in inquiries.values { inquiry.resume(returning: nil) }
    for follower in followers.values { follower.finish() }
    for watcher in watchers { watcher() }
  }

  /// Returns when it is over, and what was still to be said had time to leave. Its agent may neither
  /// read nor end its streams for as long as it likes: they end with this.
  func untilOver() async throws {
    let (ending, over) = AsyncStream.makeStream(of: Void.self)
    let isOver = state.withLock { state in
      if !state.isOver { state.watchers.append { over.finish() } }
      return state.isOver
    }
    if !isOver { for await _ in ending {} }
    try await Task.sleep(for: WireLimits.closing)
  }

  // Invocations.

  /// The agent takes so many more.
  func grant(_ credit: UInt32) {
    state.withLock { $0.credit = min($0.credit + Int(credit), Int(WireLimits.credit)) }
  }

  func run(
    _ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int
  ) async -> ActivationReport {
    guard let id = takeCredit() else { return notAsked }
    defer { state.withLock { _ = $0.cancelled.remove(id) } }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        begin(Self.order(id, placement, fence, event, attempt)) {
          continuation.resume(returning: $0)
        }
      }
    } onCancel: {
      cancel(id)
    }
  }

  func begin(
    _ placement: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int,
    answer: @escaping @Sendable (ActivationReport) -> Void
  ) -> @Sendable () -> Void {
    guard let id = takeCredit() else {
      answer(notAsked)
      return {}
    }
    begin(Self.order(id, placement, fence, event, attempt), answer)
    return { [weak self] in self?.cancelBegun(id) }
  }

  /// The number of an invocation that may begin; `nil` when none may.
  private func takeCredit() -> UInt64? {
    state.withLock { state in
      guard !state.isOver, state.credit > 0 else { return nil }
      state.credit -= 1
      state.lastRun += 1
      return state.lastRun
    }
  }

  private static func order(
    _ id: UInt64, _ placement: PlacementID, _ fence: PlanVersion, _ event: Event, _ attempt: Int
  ) -> WireRunOrder {
    .with {
      $0.id = id
      $0.invocation = .with {
        $0.placement = WirePlacementId(placement)
        $0.fence = WirePlanVersion(fence)
        $0.event = WireEvent(event)
        $0.attempt = UInt32(clamping: attempt)
      }
    }
  }

  private func begin(
    _ order: WireRunOrder, _ answer: @escaping @Sendable (ActivationReport) -> Void
  ) {
    let early = state.withLock { state -> ActivationReport? in
      if state.isOver { return unreachableReport }
      if state.cancelled.contains(order.id) {
        state.credit += 1
        return Self.cancelledReport
      }
      state.runs[order.id] = answer
      return nil
    }
    if let early { return answer(early) }
    switch orders.send(order, inPieces: takesPieces) {
    case .taken: break
    case .tooMuchData: takeBack(order.id)
    case .over: end()
    }
  }

  /// It has not left, so the agent gives no credit back for it.
  private func takeBack(_ id: UInt64) {
    let answer = state.withLock { state in
      state.credit = min(state.credit + 1, Int(WireLimits.credit))
      return state.runs.removeValue(forKey: id)
    }
    answer?(notAsked)
  }

  /// Whether or not it has begun.
  private func cancel(_ id: UInt64) {
    let isEarly = state.withLock { state in
      guard state.runs[id] == nil else { return false }
      state.cancelled.insert(id)
      return true
    }
    if !isEarly { cancelBegun(id) }
  }

  private func cancelBegun(_ id: UInt64) {
    guard let answer = state.withLock({ $0.runs.removeValue(forKey: id) }) else { return }
    orderEnd(of: id)
    answer(Self.cancelledReport)
  }

  /// The agent is told to end it; whoever asked need not wait for that.
  private func orderEnd(of id: UInt64) {
    let order = WireRunOrder.with {
      $0.id = id
      $0.cancel = WireEmpty()
    }
    if orders.send(order, inPieces: takesPieces) == .over { end() }
  }

  func abandonRuns() {
    let runs = state.withLock { state in
      defer { state.runs = [:] }
      return state.runs
    }
    for (id, answer) in runs {
      orderEnd(of: id)
      answer(Self.failed(.nodeLost, "node \(node) was lost while it ran this"))
    }
  }

  /// An invocation has ended.
  func take(_ answer: WireRunAnswer) throws(WireFault) {
    switch answer.answer {
    case .credit(let credit): grant(credit)
    case .report(let wire):
      let run = state.withLock { state in
        state.credit = min(state.credit + 1, Int(WireLimits.credit))
        return state.runs.removeValue(forKey: wire.id)
      }
      guard let run else { return }
      do throws(WireFault) {
        run(try wire.report())
      } catch {
        run(Self.failed(.internalError, "\(error)"))
        throw error
      }
    case nil: break
    }
  }

  private var notAsked: ActivationReport {
    state.withLock { $0.isOver }
      ? unreachableReport
      : Self.failed(.overloaded, "node \(node) takes no more invocations at the moment")
  }

  private var unreachableReport: ActivationReport {
    Self.failed(.unavailable, "node \(node) cannot be reached")
  }

  private static let cancelledReport = failed(.cancelled, "it was cancelled")

  private static func failed(
    _ code: ActivationFailure.Code, _ message: String
  ) -> ActivationReport {
    ActivationReport(result: .failure(ActivationFailure(code: code, message: message)))
  }
}
