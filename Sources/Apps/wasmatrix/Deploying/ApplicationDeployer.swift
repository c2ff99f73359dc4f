import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts

/// Brings an application to a cluster: pushes its sources, then deploys all of it, and shows each
/// step as it comes.
struct ApplicationDeployer {
  let client: ControlAPIClient

  func deploy(
    _ application: LocalApplication, _ sources: [LocalApplication.Source]
  ) async throws(Problem) -> [DeploymentResource] {
    var versions: [ModuleName: ModuleVersion] = [:]
    for module in application.manifest.modules {
      switch module.code {
      case .registered(let version): versions[module.name] = version
      case .source: continue
      }
    }
    for source in sources {
      let reference = source.reference
      let pushed = try await client.push(
        source.file.bytes, detachedSignature: source.file.detachedSignature, as: reference)
      versions[reference.module] = reference.version
      let what = pushed.existed == true ? "is in the registry" : "pushed"
      ProgressPrinter.step("\(reference.module)@\(reference.version) \(what)")
    }
    return try await client.deploy(manifest: application.text, versions: versions) { progress in
      let subject = progress.module.map { "\($0): " } ?? ""
      ProgressPrinter.step(subject + progress.message)
    }
  }
}
