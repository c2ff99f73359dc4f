public import ClusterModel
import Crypto
import Foundation
import GRPCCore
public import HostPorts
public import Logging
import SwiftProtobuf
import Synchronization
import WireMessages

/// A control plane somewhere in the network, as an agent sees it: the agent's end of the wire.
///
/// Each opening is a ``PlaneSession`` of its own, with the newest certificate. While there is none, what an
/// agent says is lost (it says everything again), and what it asks is refused with
/// `control_plane_away`. Modules alone wait for the next one.
public final class RemoteControlPlane: ControlPlaneConnection {
  /// Where a control plane takes agents.
  public struct Address: Hashable, Sendable {
    public var host: String
    public var port: Int
    /// Whether heartbeats go to the same number, not to the one that the control plane says: it does not know
    /// which of its ports were forwarded, and as what.
    public var isForwarded: Bool
    public init(host: String, port: Int, isForwarded: Bool = false) {
      self.host = host
      self.port = port
      self.isForwarded = isForwarded
    }
  }

  private struct State {
    var session: PlaneSession?
    var lastLink: UInt64 = 0
    var link: AgentLinkID?
    /// What became of parts of this process, for the next control plane.
    var untold: [ServiceNews] = []
  }

  /// While no way is open more news than that are lost.
  private static let mostUntold = 64

  private let address: @Sendable () async throws(Problem) -> Address
  private let heartbeats: (any HeartbeatDispatch)?
  private let tree: (any SupervisionService)?
  private let disturber: @Sendable (NodeDisturbance) -> Void
  private let landmarks: LandmarkProbe
  private let identity: any IdentitySource
  private let patience: Duration
  private let transferPatience: Duration
  private let programVersion: String
  private let logger: Logger
  private let current = Mutex(State())
  let unfinished = UnfinishedModules()

  /// - Parameters:
  ///   - address: asked at each opening.
  ///   - disturber: kills or freezes this process, when an operator wants that.
  ///   - tree: the parts of this process, for operators who look at them or kill one.
  ///   - patience: how long a control plane may take until it has answered a greeting.
  ///   - transferPatience: how long the next piece of a module is waited for, also while no control plane is there.
  ///   - heartbeats: how they are sent when the control plane takes them beside the streams.
  ///   - landmarks: where the way to is measured, too.
  public init(
    at address: @escaping @Sendable () async throws(Problem) -> Address,
    identity: any IdentitySource, heartbeats: (any HeartbeatDispatch)?,
    landmarks: [Landmark] = [], disturber: @escaping @Sendable (NodeDisturbance) -> Void = { _ in },
    tree: (any SupervisionService)? = nil, patience: Duration = WireHandshake.patience,
    transferPatience: Duration = WireHandshake.transferPatience, programVersion: String,
    logger: Logger
  ) {
    self.landmarks = LandmarkProbe(landmarks)
    self.disturber = disturber
    self.patience = patience
    self.transferPatience = transferPatience
    self.tree = tree
    self.address = address
    self.heartbeats = heartbeats
    self.identity = identity
    self.programVersion = programVersion
    self.logger = logger
  }

  /// Whether a way to it is open, as far as is known.
  public var isOpen: Bool { session.map { $0.state.withLock { $0.isOpen } } ?? false }

  private var session: PlaneSession? { current.withLock { $0.session } }

  func borrow() throws(Problem) -> PlaneSession {
    guard let session else { throw Self.away }
    return session
  }

  static let away = Problem.controlPlaneAway

  // The way.

  public func open(
    _ agent: any AgentConnection, from node: NodeID, _ incarnation: Incarnation
  ) async throws(Problem) -> AgentLink {
    current.withLock { $0.session }?.end(Self.away)
    let hello = WireHello.with {
      $0.programVersion = programVersion
      $0.node = node.text
      $0.incarnation = incarnation.number
      $0.features = WireGreeting.features
    }
    let session = PlaneSession(
      to: try await address(), identity: identity, agent: agent, hello: hello,
      heartbeats: heartbeats, landmarks: landmarks, disturber: disturber, tree: tree,
      patience: patience, logger: logger)
    let interval = try await session.open()
    let (link, untold) = current.withLock { state in
      state.session = session
      state.lastLink += 1
      let link = AgentLinkID(state.lastLink)
      state.link = link
      defer { state.untold = [] }
      return (AgentLink(link, heartbeatInterval: interval), state.untold)
    }
    for news in untold { session.tell(news) }
    return link
  }

  public func send(_ message: AgentMessage) { session?.send(message) }

  /// It measures the ways itself.
  public func measured(_ roundTrip: Duration, from node: NodeID) {}
  public func measured(_ samples: [RoundTripSample], from node: NodeID) {}

  public func close(
    _ link: AgentLinkID, from node: NodeID, _ incarnation: Incarnation
  ) async {
    let session = current.withLock { state -> PlaneSession? in
      guard state.link == link else { return nil }
      defer { state.session = nil }
      return state.session
    }
    await session?.leave()
  }

  // What an agent asks.

  public var state: any GuestState { RemoteState(plane: self) }

  public func trustedKeys() async throws(Problem) -> [TrustedKey] {
    let answer = try await borrow().ask { $0.trustedKeys = WireEmpty() }
    guard case .trustedKeys(let keys)? = answer.answer else { throw Self.unexpected }
    return try Self.read { () throws(WireFault) in try keys.keys() }
  }

  public func commit(
    _ effects: ActivationEffects, of activation: DeniedActivation, under claim: EffectClaim
  ) async throws(Problem) {
    let answer = try await borrow().ask {
      $0.commit = WireCommit(effects, of: activation, under: claim)
    }
    guard case .done? = answer.answer else { throw Self.unexpected }
  }

  public func invoke(
    _ module: QualifiedName, with event: Event, _ options: InvocationOptions, from node: NodeID
  ) async throws(Problem) -> ActivationReport {
    let answer = try await borrow().ask {
      $0.call = .with {
        $0.module = WireQualifiedName(module)
        $0.event = WireEvent(event)
        if let timeout = options.timeout { $0.timeoutNs = UInt64(wire: timeout) }
        $0.isIdempotent = options.isIdempotent
      }
    }
    guard case .report(let report)? = answer.answer else { throw Self.unexpected }
    return try Self.read { () throws(WireFault) in try report.report() }
  }

  public func forward(
    _ events: [ForwardedEvent], from node: NodeID
  ) async throws(Problem) -> ForwardedEvents {
    let answer = try await borrow().ask { question in
      question.forward.events = events.map { forwarded -> WireForwardedEvent in
        .with {
          $0.event = WireEvent(forwarded.event)
          $0.handledBy = forwarded.handledBy.map(\.text).sorted()
        }
      }
    }
    guard case .forwarded(let forwarded)? = answer.answer else { throw Self.unexpected }
    return ForwardedEvents(
      count: min(Int(forwarded.count), events.count),
      problem: forwarded.hasProblem ? forwarded.problem.problem : nil)
  }

  /// A part of this process may have taken the way with it when it ended: of that it is told later.
  public func tell(_ news: ServiceNews) {
    let session = current.withLock { state -> PlaneSession? in
      let isKept = state.session == nil && news.application == nil
      if isKept, state.untold.count < Self.mostUntold { state.untold.append(news) }
      return state.session
    }
    session?.tell(news)
  }

  public func record(
    _ denial: CapabilityDenial, of activation: DeniedActivation
  ) async throws(Problem) {
    let json = try Self.read { () throws(WireFault) in try WireJSON.encode(denial) }
    let answer = try await borrow().ask {
      $0.denial = .with {
        $0.activation = WireActivationId(activation)
        $0.denialJson = json
      }
    }
    guard case .done? = answer.answer else { throw Self.unexpected }
  }

  static let unexpected = WireFault("an answer does not fit its question").problem

  static func read<Value>(
    _ body: () throws(WireFault) -> Value
  ) throws(Problem) -> Value {
    do throws(WireFault) {
      return try body()
    } catch {
      throw error.problem
    }
  }

  // Modules.

  public func module(
    _ digest: ModuleDigest, _ progress: TransferProgress
  ) async throws(Problem) -> [UInt8] {
    // An agent that starts alone has nobody to wait for, and what is kept on its disk must not wait behind this.
    let hasHadOne = current.withLock { $0.lastLink > 0 }
    var transfer = ModuleTransfer(
      from: unfinished.take(digest), patience: hasHadOne ? transferPatience : .zero,
      at: ContinuousClock.now)
    do throws(Problem) {
      try await complete(&transfer, of: digest, progress)
    } catch {
      unfinished.keep(transfer.bytes, of: digest)
      throw error
    }
    return transfer.bytes
  }

  /// Over as many sessions as it takes. Cancelling the task gives it up.
  private func complete(
    _ transfer: inout ModuleTransfer, of digest: ModuleDigest, _ progress: TransferProgress
  ) async throws(Problem) {
    while true {
      do throws(Problem) {
        try await borrow().fetch(digest, into: &transfer.bytes, progress)
        return
      } catch {
        guard !Task.isCancelled, let pause = transfer.brokeOff(error, at: ContinuousClock.now)
        else { throw error }
        if !error.isControlPlaneAway {
          logger.info(
            "a module broke off, and is taken up where it was",
            metadata: [
              "module": "\(digest.short)", "at": "\(transfer.bytes.count)", "problem": "\(error)",
            ])
        }
        do {
          try await Task.sleep(for: pause)
        } catch {
          throw Self.away
        }
      }
    }
  }
}
