/// Who asks. Every request carries one.
public struct Principal: Hashable, Sendable, Codable {
  /// What kind of asker it is.
  public enum Kind: String, Sendable, Codable {
    case person, device, node, module
    /// The program itself: recovery, retries, live reload.
    case system
  }

  public let kind: Kind
  /// Who exactly: the name of a token, or `local` for whoever reaches the loopback address of this machine.
  public let name: String

  public init(kind: Kind, name: String) {
    self.kind = kind
    self.name = name
  }

  /// Whoever reaches the API on a loopback address without TLS and shows no token. It may do anything.
  public static let local = Principal(kind: .person, name: "local")
  public static let system = Principal(kind: .system, name: "wasmatrix")
}
