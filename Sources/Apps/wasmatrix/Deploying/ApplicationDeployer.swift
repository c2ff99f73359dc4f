import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts

/// Brings an application to a cluster: pushes its sources, then deploys all of it, and shows each
/// step as it comes.
struct ApplicationDeployer {
  let client: APIClient

  /// - Throws: ``Problem``: what is pushed stays in the registry, but nothing else has changed.
  func deploy(
    _ application: LocalApplication, _ sources: [LocalApplication.Source]
  ) async throws -> [DeploymentResource] {
    var versions = application.registeredVersions
    for source in sources {
      let reference = source.reference
      let pushed = try await client.push(
        source.file.bytes, as: reference, detachedSignature: source.file.detachedSignature)
      versions[reference.module] = reference.version
      let what = pushed.existed == true ? "is in the registry" : "pushed"
      ProgressPrinter.step("\(reference.module)@\(reference.version) \(what)")
    }
    return try await follow(
      try await client.deploy(manifest: application.text, versions: versions))
  }

  /// Changes on how many nodes a module serves, and shows each step as it comes.
  func scale(_ module: ModuleName, to replicas: Int) async throws -> [DeploymentResource] {
    try await follow(try await client.scale(module, to: replicas))
  }

  /// Between two looks at how far nodes are.
  private static let distributionInterval = Duration.seconds(1)

  /// Shows what nodes make ready, until it is cancelled. A server that does not tell is asked once.
  private func showDistribution() async {
    var shown: [String: String] = [:]
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.distributionInterval)
      guard !Task.isCancelled, let all = try? await client.distribution().items else { return }
      for item in all where item.stage != .ready {
        let subject = "\(item.module)@\(item.version) on \(item.node)"
        let text = DistributionText.stage(item)
        guard shown[subject] != text else { continue }
        shown[subject] = text
        ProgressPrinter.note("\(subject): \(text)")
      }
    }
  }

  private func follow(_ lines: LineSequence<DeployLine>) async throws -> [DeploymentResource] {
    let watching = Task { await showDistribution() }
    defer { watching.cancel() }
    for try await line in lines {
      switch line {
      case .progress(let progress): show(progress)
      case .done(let deployments): return deployments
      case .problem(let resource): throw resource.problem
      }
    }
    throw Problem(
      .unavailable, code: "deploy_cut_off", "the server went away before it had deployed",
      next: "See with `wasmatrix ps` what is deployed, and try again.")
  }

  private func show(_ progress: DeployProgress) {
    let subject = progress.module.map { "\($0): " } ?? ""
    ProgressPrinter.step(subject + progress.message)
  }
}
