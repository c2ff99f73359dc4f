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
/// `control_plane_away`.
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
  }

  private let address: @Sendable () async throws(Problem) -> Address
  private let heartbeats: (any HeartbeatDispatch)?
  private let tree: (any SupervisionService)?
  private let disturber: @Sendable (NodeDisturbance) -> Void
  private let landmarks: LandmarkProbe
  private let identity: any IdentitySource
  private let patience: Duration
  private let programVersion: String
  private let logger: Logger
  private let current = Mutex(State())

  /// How often a module that broke off is taken up again before that is a failure.
  private static let fetchAttempts = 5
  private static let fetchInterval = Duration.milliseconds(200)

  /// - Parameters:
  ///   - address: asked at each opening.
  ///   - disturber: kills or freezes this process, when an operator wants that.
  ///   - tree: the parts of this process, for operators who look at them or kill one.
  ///   - patience: how long a control plane may take until it has answered a greeting.
  ///   - heartbeats: how they are sent when the control plane takes them beside the streams.
  ///   - landmarks: where the way to is measured, too.
  public init(
    at address: @escaping @Sendable () async throws(Problem) -> Address,
    identity: any IdentitySource, heartbeats: (any HeartbeatDispatch)?,
    landmarks: [Landmark] = [], disturber: @escaping @Sendable (NodeDisturbance) -> Void = { _ in },
    tree: (any SupervisionService)? = nil, patience: Duration = WireHandshake.patience,
    programVersion: String, logger: Logger
  ) {
    self.landmarks = LandmarkProbe(landmarks)
    self.disturber = disturber
    self.patience = patience
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
      $0.features = [WireGreeting.knownOrders, WireGreeting.eventPieces, WireGreeting.digits]
    }
    let session = PlaneSession(
      to: try await address(), identity: identity, agent: agent, hello: hello,
      heartbeats: heartbeats, landmarks: landmarks, disturber: disturber, tree: tree,
      patience: patience, logger: logger)
    let interval = try await session.open()
    return current.withLock { state in
      state.session = session
      state.lastLink += 1
      let link = AgentLinkID(state.lastLink)
      state.link = link
      return AgentLink(link, heartbeatInterval: interval)
    }
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
    _ effects: ActivationEffects, of activation: DeniedActivation
  ) async throws(Problem) {
    let answer = try await borrow().ask {
      $0.commit = .with {
        $0.activation = WireActivationId(activation)
        $0.effects = WireEffects(effects)
      }
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

  public func tell(_ news: ServiceNews) { session?.tell(news) }

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
    var bytes: [UInt8] = []
    var attempt = 1
    while true {
      do throws(Problem) {
        try await borrow().fetch(digest, into: &bytes, progress)
        return bytes
      } catch  where error.category == .unavailable && attempt < Self.fetchAttempts {
        attempt += 1
        logger.info(
          "a module is taken up where it broke off",
          metadata: ["module": "\(digest.short)", "at": "\(bytes.count)", "problem": "\(error)"])
        do {
          try await Task.sleep(for: Self.fetchInterval)
        } catch {
          throw Self.away
        }
      }
    }
  }
}
