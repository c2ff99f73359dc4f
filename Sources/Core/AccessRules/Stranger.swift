public import ClusterModel

extension Principal {
  /// Whoever shows no token, or one that is not good.
  public static let stranger = Principal(kind: .person, name: "unknown")
}
