public import ClusterModel

// What may be held on a node by hand.
extension Catalog {
  /// The deployment that somebody means, with its version's record.
  ///
  /// - Parameter version: the newest deployment of it; `nil` for what is deployed now.
  /// - Throws: ``Problem`` `not_deployed`, `version_unknown`, `version_not_deployed`, `key_revoked`.
  public func orderByHand(
    _ name: QualifiedName, _ version: ModuleVersion?
  ) throws(Problem) -> (deployment: Deployment, record: ModuleVersionRecord) {
    guard let current = placed[name]?.deployment else { throw Self.notDeployed(name) }
    var wanted = current
    if let version, version != current.version {
      guard record(name, version) != nil else { throw Self.versionMissing(version, of: name) }
      guard let past = history[name, default: []].last(where: { $0.version == version }) else {
        throw Problem(
          .notFound, code: "version_not_deployed", "\(name)@\(version) was never deployed",
          next: "Deploy it, or name a version of `wasmatrix modules \(name.name)`.")
      }
      wanted = past
    }
    guard let record = record(name, wanted.version) else {
      throw Self.versionMissing(wanted.version, of: name)
    }
    if let problem = problem(withSignersOf: record) { throw problem }
    return (wanted, record)
  }
}
