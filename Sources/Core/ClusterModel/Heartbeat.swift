/// One start of an agent: a restarted agent is another incarnation. Larger is newer.
public struct Incarnation: Hashable, Comparable, Sendable, Codable {
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
  public init(from decoder: any Decoder) throws {
    number = try decoder.singleValueContainer().decode(UInt64.self)
  }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(number)
  }
}

extension Incarnation {
  /// How far a start goes beyond the one before it while the clock has not come that far. It is
  /// drawn: a machine and its copy count on from the same start, and must not come to the same
  /// number, as two agents with one number are taken for one.
  private static let steps: ClosedRange<UInt64> = 1...1_000_000

  /// The one of a start: the clock, in microseconds since 1970, so that the agent that started last
  /// counts, also when nothing is known of those before it. A clock that is behind, as of a machine
  /// that has not been told the time yet, must not make a start older than the one before it: then
  /// it counts on from that.
  ///
  /// - Parameter last: of the start before; `nil` when that is not known.
  /// - Returns: more than `last`, unless there is no more: then the clock, as if nothing were known.
  public static func next(
    after last: Incarnation?, at now: WallInstant, using random: inout some RandomNumberGenerator
  ) -> Incarnation {
    let clock = Incarnation(UInt64(clamping: now.microseconds))
    guard let last, last >= clock else { return clock }
    let step = UInt64.random(in: steps, using: &random)
    let (number, isTooMuch) = last.number.addingReportingOverflow(step)
    return isTooMuch ? clock : Incarnation(number)
  }
}

/// How the threads are scheduled that send heartbeats, or hear them: silence means something sooner where they do not
/// wait.
public enum HeartbeatPunctuality: String, Hashable, Sendable, Codable, CaseIterable {
  /// In real time: a busy machine does not hold them up.
  case realTime
  /// They wait for a processor like any other.
  case ordinary
}

/// How a node presents itself.
public struct NodeRegistration: Hashable, Sendable, Codable {
  public var node: NodeID
  public var incarnation: Incarnation
  public var location: NodeLocation
  public var capabilities: NodeCapabilities
  /// Of its heartbeats. An agent of an older release does not say, and is taken for an ordinary one: its silence means
  /// something late rather than too soon.
  public var punctuality: HeartbeatPunctuality

  public init(
    node: NodeID, incarnation: Incarnation, location: NodeLocation,
    capabilities: NodeCapabilities, punctuality: HeartbeatPunctuality = .ordinary
  ) {
    self.node = node
    self.incarnation = incarnation
    self.location = location
    self.capabilities = capabilities
    self.punctuality = punctuality
  }

  private enum CodingKeys: String, CodingKey {
    case node, incarnation, location, capabilities, punctuality
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      node: try container.decode(NodeID.self, forKey: .node),
      incarnation: try container.decode(Incarnation.self, forKey: .incarnation),
      location: try container.decode(NodeLocation.self, forKey: .location),
      capabilities: try container.decode(NodeCapabilities.self, forKey: .capabilities),
      punctuality: try container.decodeIfPresent(HeartbeatPunctuality.self, forKey: .punctuality)
        ?? .ordinary)
  }
}

/// A node's sign of life.
public struct Heartbeat: Hashable, Sendable, Codable {
  public var node: NodeID
  public var incarnation: Incarnation
  /// Grows with each heartbeat of an incarnation, from 1 on.
  public var sequence: UInt64
  /// Grows when the workers get on; it stands still when they are stuck.
  public var progress: UInt64
  /// Whether work waits or runs: a node that has nothing to do need not get on.
  public var isBusy: Bool
  /// How long ago, when this was sent, its agent heard of the control plane for the last time: a network may carry
  /// what a node says, and nothing of what it is told.
  public var heardAgo: Duration
  public var load: NodeLoad

  public init(
    node: NodeID, incarnation: Incarnation, sequence: UInt64, progress: UInt64, isBusy: Bool,
    heardAgo: Duration = .zero, load: NodeLoad
  ) {
    self.heardAgo = heardAgo
    self.node = node
    self.incarnation = incarnation
    self.sequence = sequence
    self.progress = progress
    self.isBusy = isBusy
    self.load = load
  }
}
