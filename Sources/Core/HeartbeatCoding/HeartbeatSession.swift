public import ClusterModel

/// What one start of an agent and the control plane share, so that each knows the other's datagrams.
///
/// The control plane makes it when the agent attaches and hands it over on the connection that both have
/// proved themselves on. It ends with the connection, or when a newer one replaces it.
public struct HeartbeatSession: Hashable, Sendable {
  public let id: HeartbeatSessionID
  public let key: HeartbeatKey
  public let node: NodeID
  public let incarnation: Incarnation

  public init(
    id: HeartbeatSessionID, key: HeartbeatKey, node: NodeID, incarnation: Incarnation
  ) {
    self.id = id
    self.key = key
    self.node = node
    self.incarnation = incarnation
  }

  /// A new one.
  ///
  /// - Parameter random: nobody may be able to guess what it says.
  public init(
    for node: NodeID, _ incarnation: Incarnation, using random: inout some RandomNumberGenerator
  ) {
    self.init(
      id: HeartbeatSessionID(using: &random), key: HeartbeatKey(using: &random), node: node,
      incarnation: incarnation)
  }
}

/// Names a session in each of its datagrams: 16 bytes that nobody can guess who has not seen one.
public struct HeartbeatSessionID: Hashable, Sendable {
  public static let size = 16
  private let words: (first: UInt64, second: UInt64)

  public init(using random: inout some RandomNumberGenerator) {
    words = (random.next(), random.next())
  }

  /// - Throws: ``InvalidValue`` when there are not 16 bytes.
  public init(_ bytes: some Collection<UInt8>) throws(InvalidValue) {
    var fields = ByteFields(bytes.prefix(Self.size))
    guard bytes.count == Self.size, let first = fields.number(UInt64.self),
      let second = fields.number(UInt64.self)
    else {
      throw InvalidValue("heartbeat session", "\(bytes.count) bytes", rule: "16 bytes")
    }
    words = (first, second)
  }

  public var bytes: [UInt8] {
    var fields: [UInt8] = []
    fields.append(number: words.first)
    fields.append(number: words.second)
    return fields
  }

  public static func == (left: Self, right: Self) -> Bool { left.words == right.words }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.first)
    hasher.combine(words.second)
  }
}

/// The secret of a session, 32 bytes. It is never shown.
public struct HeartbeatKey: Hashable, Sendable, CustomStringConvertible {
  public static let size = 32
  public let bytes: [UInt8]

  public init(using random: inout some RandomNumberGenerator) {
    var bytes: [UInt8] = []
    while bytes.count < Self.size { bytes.append(number: random.next()) }
    self.bytes = bytes
  }

  /// - Throws: ``InvalidValue`` when there are not 32 bytes.
  public init(_ bytes: some Collection<UInt8>) throws(InvalidValue) {
    guard bytes.count == Self.size else {
      throw InvalidValue("heartbeat key", "\(bytes.count) bytes", rule: "32 bytes")
    }
    self.bytes = Array(bytes)
  }

  public var description: String { "HeartbeatKey(secret)" }
}

extension HeartbeatKey: CustomReflectable {
  public var customMirror: Mirror { Mirror(self, children: []) }
}
