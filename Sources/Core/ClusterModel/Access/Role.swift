/// What the holder of a user token may do. Each role may what the ones before it may.
public enum Role: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
  /// Looks, and changes nothing.
  case viewer
  /// Invokes modules, publishes events, writes state.
  case invoker
  /// Pushes, deploys, rolls back, undeploys; buckets, dead letters.
  case deployer
  /// Everything: keys, tokens, nodes, backups, the audit log.
  case admin

  /// Whether it may what takes `needed` at the least.
  public func allows(_ needed: Role) -> Bool { self >= needed }

  public static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }

  private var rank: Int {
    switch self {
    case .viewer: 0
    case .invoker: 1
    case .deployer: 2
    case .admin: 3
    }
  }
}

/// The name of a token, for people and for the audit log.
public struct TokenName: ValidatedText {
  public static let kind = "name of a token"
  public static let rule = NameRule.text
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}
