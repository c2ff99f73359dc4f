/// A placement: the deployment it is of, and which generation of that.
public struct PlacementID: Hashable, Comparable, Sendable, Codable {
  public var name: QualifiedName
  public var generation: Int
  public init(_ name: QualifiedName, generation: Int) {
    self.name = name
    self.generation = generation
  }
  public static func < (left: Self, right: Self) -> Bool {
    (left.name, left.generation) < (right.name, right.generation)
  }
}

extension Deployment {
  /// The name with its namespace.
  public var qualifiedName: QualifiedName { QualifiedName(namespace, name) }
  /// The placement of this generation.
  public var placement: PlacementID { PlacementID(qualifiedName, generation: generation) }
}
