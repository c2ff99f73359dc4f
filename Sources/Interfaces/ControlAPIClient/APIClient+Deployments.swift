public import ClusterModel
public import ControlAPIModel
internal import NIOHTTP1
public import Scheduling

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

  /// Goes back to what was deployed before.
  public func rollBack(_ module: ModuleName, to version: ModuleVersion?) async throws(Problem)
    -> DeploymentResource
  {
    try await value(
      DeploymentResource.self,
      of: json(
        .POST, ["v1", "deployments", module.text, "rollback"], RollbackRequest(version: version)))
  }

  /// Changes on how many nodes a module serves; the lines are those of a deployment.
  public func scale(_ module: ModuleName, to replicas: Int) async throws(Problem)
    -> LineSequence<DeployLine>
  {
    try await lines(
      DeployLine.self,
      of: json(
        .POST, ["v1", "deployments", module.text, "scale"], ScaleRequest(replicas: replicas)))
  }

  /// Where a module would serve with so many replicas, and why.
  public func planScale(_ module: ModuleName, to replicas: Int) async throws(Problem)
    -> PlacementExplanation
  {
    try await value(
      PlacementExplanation.self,
      of: json(
        .POST, ["v1", "deployments", module.text, "scale", "plan"],
        ScaleRequest(replicas: replicas)))
  }

  /// Where each module of an application would run, and why.
  public func plan(manifest: String) async throws(Problem) -> [PlacementExplanation] {
    try await value(
      ListResource<PlacementExplanation>.self,
      of: json(.POST, ["v1", "plan"], PlanRequest(manifest: manifest))
    ).items
  }

  /// Where a deployed module would run now, and why.
  public func explain(_ module: ModuleName) async throws(Problem) -> PlacementExplanation {
    try await value(
      PlacementExplanation.self,
      of: Call(path: ["v1", "deployments", module.text, "explanation"]))
  }

  /// Changes whether a node is given work, or forgets it.
  public func command(_ command: NodeCommand, _ node: NodeID) async throws(Problem)
    -> NodeSchedulingResource
  {
    let path = ["v1", "nodes", node.text]
    let call =
      switch command {
      case .forget: Call(method: .DELETE, path: path)
      case .evict: Call(method: .DELETE, path: path, query: [("force", "true")])
      case .cordon, .drain, .uncordon: Call(method: .POST, path: path + [command.rawValue])
      }
    return try await value(NodeSchedulingResource.self, of: call)
  }

  public func nodes() async throws(Problem) -> [NodeResource] {
    try await value(ListResource<NodeResource>.self, of: Call(path: ["v1", "nodes"])).items
  }

  /// What is ready to run, and where.
  public func placements() async throws(Problem) -> FleetListResource<PlacementResource> {
    try await value(
      FleetListResource<PlacementResource>.self, of: Call(path: ["v1", "placements"]))
  }

  /// How far versions are on their way to the nodes that should hold them.
  ///
  /// - Parameter module: `nil` for all.
  public func distribution(of module: ModuleName? = nil) async throws(Problem)
    -> FleetListResource<DistributionResource>
  {
    try await value(
      FleetListResource<DistributionResource>.self,
      of: Call(path: ["v1", "distribution"], query: [("module", module?.text)]))
  }

  /// The supervision tree of the server's process.
  public func supervision() async throws(Problem) -> SupervisionResource {
    try await value(SupervisionResource.self, of: Call(path: ["v1", "supervision"]))
  }

  /// The supervision tree of a node's agent.
  public func supervision(of node: NodeID) async throws(Problem) -> SupervisionResource {
    try await value(
      SupervisionResource.self, of: Call(path: ["v1", "nodes", node.text, "supervision"]))
  }

  /// Ends a service of the server, or of a node's agent, as if it had crashed.
  public func kill(child path: String, on node: NodeID? = nil) async throws(Problem) {
    _ = try await value(
      KillRequest.self,
      of: json(.POST, ["v1", "supervision", "kill"], KillRequest(child: path, node: node)))
  }

  /// Breaks a node on purpose.
  public func disturb(_ node: NodeID, _ disturbance: NodeDisturbance) async throws(Problem)
    -> DisturbRequest
  {
    try await value(
      DisturbRequest.self,
      of: json(.POST, ["v1", "nodes", node.text, "chaos"], DisturbRequest(disturbance)))
  }

  /// What the server finds about its own health.
  public func doctor() async throws(Problem) -> [FindingResource] {
    try await value(ListResource<FindingResource>.self, of: Call(path: ["v1", "doctor"])).items
  }
}
