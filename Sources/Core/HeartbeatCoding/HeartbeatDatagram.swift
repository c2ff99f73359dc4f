public import ClusterModel

/// What agents and the control plane say to each other beside their connection.
public enum HeartbeatDatagram: Hashable, Sendable {
  case heartbeat(Heartbeat)
  case acknowledgement(HeartbeatAcknowledgement)
  /// Send this back at once; the stamp means something to its sender alone.
  case echoRequest(EchoStamp)
  case echoReply(EchoStamp)
  /// The process of the agent has ended. It is made while the agent lives, and sent by who watches it.
  case deathNotice(Incarnation)
}

/// Tells one echo from another.
public struct EchoStamp: Hashable, Sendable {
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// `ControlMessage.heartbeatAcknowledged` as a value.
public struct HeartbeatAcknowledgement: Hashable, Sendable {
  public var incarnation: Incarnation
  /// Of the heartbeat.
  public var sequence: UInt64
  /// The newest plan there is for the node.
  public var plan: PlanVersion
  public var term: UInt64

  public init(incarnation: Incarnation, sequence: UInt64, plan: PlanVersion, term: UInt64) {
    self.incarnation = incarnation
    self.sequence = sequence
    self.plan = plan
    self.term = term
  }

  /// `nil` for a message that acknowledges no heartbeat.
  public init?(_ message: ControlMessage) {
    guard case .heartbeatAcknowledged(let incarnation, let sequence, let plan, let term) = message
    else { return nil }
    self.init(incarnation: incarnation, sequence: sequence, plan: plan, term: term)
  }

  public var message: ControlMessage {
    .heartbeatAcknowledged(incarnation, sequence: sequence, plan: plan, term: term)
  }
}

/// Which end of a session.
public enum HeartbeatSide: UInt8, Sendable, CaseIterable {
  case agent = 1
  case controlPlane = 2

  var other: Self {
    switch self {
    case .agent: .controlPlane
    case .controlPlane: .agent
    }
  }
}

/// Why a datagram does not count. Its raw value is what metrics call it.
public enum DatagramRefusal: String, Error, Hashable, Sendable, CaseIterable {
  /// Too short or too long for what it says it is, or for anything.
  case size
  /// No heartbeat at all, or one of another major version.
  case foreign
  /// Of no session that is known.
  case session
  /// Of a kind that this version does not know, or that does not come from this end.
  case kind
  /// It was not made by the other end of the session, or was changed since.
  case unauthentic
  /// It says what cannot be: a share of more than 100 percent, another incarnation than that of its session.
  case content
  /// It came before, or what it says has been overtaken.
  case old
}
