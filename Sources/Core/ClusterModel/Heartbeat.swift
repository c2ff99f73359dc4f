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

/// How a node presents itself.
public struct NodeRegistration: Hashable, Sendable, Codable {
  public var node: NodeID
  public var incarnation: Incarnation
  public var location: NodeLocation
  public var capabilities: NodeCapabilities

  public init(
    node: NodeID, incarnation: Incarnation, location: NodeLocation,
    capabilities: NodeCapabilities
  ) {
    self.node = node
    self.incarnation = incarnation
    self.location = location
    self.capabilities = capabilities
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
