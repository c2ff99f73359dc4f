public import ClusterModel

// Heartbeats that do not ride on the streams between agents and control plane, so that neither holds up the
// other.

/// What an agent needs to send its heartbeats.
public struct HeartbeatInvitation: Hashable, Sendable {
  /// Names the session: 16 bytes.
  public var session: [UInt8]
  /// Both ends know it and nobody else: 32 bytes.
  public var key: [UInt8]
  /// Of the control plane, on the host where the agent attached.
  public var port: Int
  /// Between two heartbeats.
  public var interval: Duration

  public init(session: [UInt8], key: [UInt8], port: Int, interval: Duration) {
    self.session = session
    self.key = key
    self.port = port
    self.interval = interval
  }
}

/// The control plane's end.
public protocol HeartbeatReception: Sendable {
  /// Takes the heartbeats of this start of an agent from now on, and of no other of its node.
  ///
  /// - Returns: `nil` when it takes no more.
  func invite(_ node: NodeID, _ incarnation: Incarnation) -> HeartbeatInvitation?
  /// Heartbeats under this invitation count no more.
  func forget(_ invitation: HeartbeatInvitation)
  /// With whom a node's agent exchanges echoes, as things are; none when nothing was heard of it.
  func echoPeers(of node: NodeID) -> [EchoPeer]
  /// Sends an acknowledgement.
  ///
  /// - Returns: `false` when it has to go another way.
  func send(_ message: ControlMessage, to node: NodeID) -> Bool
}

/// The agent's end.
public protocol HeartbeatDispatch: Sendable {
  /// - Parameters:
  ///   - host: where the agent attached.
  ///   - acknowledged: called with each acknowledgement; it must not wait.
  /// - Throws: ``Problem`` when heartbeats cannot be sent there; they have to go another way.
  func accept(
    _ invitation: HeartbeatInvitation, host: String, from node: NodeID, _ incarnation: Incarnation,
    acknowledged: @escaping @Sendable (ControlMessage) -> Void
  ) throws(Problem) -> any HeartbeatWay
}

/// Where an agent sends its heartbeats.
public protocol HeartbeatWay: Sendable {
  /// Without waiting; it may be lost.
  func send(_ heartbeat: Heartbeat)
  /// How long it takes to the control plane and back; `nil` until that was measured.
  var measuredRoundTrip: Duration? { get }
  /// With whom it exchanges echoes from now on.
  func exchangeEchoes(with peers: [EchoPeer])
  /// The shortest ways to them that were measured since this was asked last.
  func takeMeasuredPeers() -> [RoundTripSample]
  /// Nothing is acknowledged any more when this returns.
  func stop()
}

/// An agent with which another exchanges echoes, and what only these two and the control plane know.
public struct EchoPeer: Hashable, Sendable {
  public var node: NodeID
  /// Names the pair: 16 bytes.
  public var session: [UInt8]
  /// 32 bytes.
  public var key: [UInt8]
  /// Where its heartbeats come from.
  public var host: String
  public var port: Int
  /// Whether who is told this is the first of the pair.
  public var isFirst: Bool

  public init(
    node: NodeID, session: [UInt8], key: [UInt8], host: String, port: Int, isFirst: Bool
  ) {
    self.node = node
    self.session = session
    self.key = key
    self.host = host
    self.port = port
    self.isFirst = isFirst
  }

  /// More are not listened to.
  public static let most = 32
}
