/// The name of a module's deployment, with the namespace it lives in.
public struct QualifiedName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  public var namespace: Namespace
  public var name: ModuleName
  public init(_ namespace: Namespace, _ name: ModuleName) {
    self.namespace = namespace
    self.name = name
  }

  public static func < (left: Self, right: Self) -> Bool {
    (left.namespace, left.name) < (right.namespace, right.name)
  }

  /// `name` in the default namespace, `namespace/name` elsewhere.
  public var description: String {
    namespace == .default ? name.text : "\(namespace)/\(name)"
  }
}
