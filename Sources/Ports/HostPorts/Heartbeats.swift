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
  /// Nothing is acknowledged any more when this returns.
  func stop()
}
