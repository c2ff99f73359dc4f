public import ClusterModel
public import ControlAPIModel
internal import NIOHTTP1

extension APIClient {
  /// Deploys an application. The lines are progress, then ``DeployLine/done(_:)`` or
  /// ``DeployLine/problem(_:)``; an answer that ends without one of them was cut off.
  ///
  /// - Parameters:
  ///   - manifest: the text of its `wasmatrix.yaml`.
  ///   - versions: the registered version of each of its modules.
  public func deploy(manifest: String, versions: [ModuleName: ModuleVersion])
    async throws(Problem) -> LineSequence<DeployLine>
  {
    let request = DeployRequest(manifest: manifest, versions: versions)
    return try await lines(
      DeployLine.self, of: json(.POST, ["v1", "deployments"], request))
  }

  public func deployments() async throws(Problem) -> [DeploymentResource] {
    try await value(
      ListResource<DeploymentResource>.self, of: Call(path: ["v1", "deployments"])
    ).items
  }

  /// Removes the application of this name if there is one, else the module; answers with the
  /// names of the modules that were removed.
  ///
  /// - Parameter kind: says which of them is meant.
  public func undeploy(_ name: String, kind: UndeployKind? = nil) async throws(Problem)
    -> [ModuleName]
  {
    try await value(
      RemovedResource<ModuleName>.self,
      of: Call(
        method: .DELETE, path: ["v1", "deployments", name], query: [("kind", kind?.rawValue)])
    ).removed
  }

  public func nodes() async throws(Problem) -> [NodeResource] {
    try await value(ListResource<NodeResource>.self, of: Call(path: ["v1", "nodes"])).items
  }

  public func placements() async throws(Problem) -> [PlacementResource] {
    try await value(
      ListResource<PlacementResource>.self, of: Call(path: ["v1", "placements"])
    ).items
  }

  /// What the server finds about its own health.
  public func doctor() async throws(Problem) -> [FindingResource] {
    try await value(ListResource<FindingResource>.self, of: Call(path: ["v1", "doctor"])).items
  }
}
