import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct ModulesVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "modules",
    abstract: "List the versions in the registry; of one module also its history.",
    discussion: """
      With a NAME also every deployment there ever was under it, and of the one there is what wakes it \
      and what it is granted; --json prints \
      {"versions": [...], "history": [...], "deployment": {...}} then, the last if there is one. With a VERSION all that is known of that one.

      EXAMPLE
        wasmatrix modules
        wasmatrix modules clean --json
        wasmatrix modules clean 1.2.0
      """)

  @Argument(
    help: ArgumentHelp("Only the versions of this module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName?

  @Argument(
    help: ArgumentHelp("Only this version.", valueName: "version"),
    transform: { try checked($0) as ModuleVersion })
  var version: ModuleVersion?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    if let name, let version {
      return try await show(VersionReference(module: name, version: version))
    }
    if let name { return try await showOne(name) }
    let versions = try await server.withClient { try await $0.modules(named: nil) }
    try ResultPrinter.print(versions, output) { table(of: versions) }
  }

  private func show(_ reference: VersionReference) async throws {
    let module = try await server.withClient { try await $0.module(reference) }
    var table = TextTable(.text("FIELD"), .text("VALUE"))
    table.add("id", module.id)
    table.add("binary hash", "\(module.binaryHash)")
    table.add("signature", module.signature)
    table.add("permissions", module.capabilities.requiredPermissions.joined(separator: ", "))
    let limits = module.capabilities.resourceLimits
    table.add("max memory", "\(limits.maxMemoryBytes)")
    table.add("max CPU time", "\(limits.maxCPUTimeMilliseconds) ms")
    let config = module.deploymentConfig
    table.add(
      "architectures", config.targetArchitectures.map(\.rawValue).joined(separator: ", "))
    table.add("preferred zones", config.preferredLocations.map(\.text).joined(separator: ", "))
    let scaling = config.scalingPolicy
    table.add(
      "scale", "\(scaling.minInstances) to \(scaling.maxInstances), \(scaling.scaleTrigger)")
    table.add("created", "\(module.createdAt)")
    table.add("updated", "\(module.updatedAt)")
    try ResultPrinter.print(module, output) { table }
  }

  private struct OneModule: Encodable {
    var versions: [ModuleVersionResource]
    var history: [DeployedGenerationResource]
    var deployment: DeploymentResource?
  }

  private func showOne(_ name: ModuleName) async throws {
    let module = try await server.withClient { client in
      OneModule(
        versions: try await client.modules(named: name),
        history: try await client.history(of: name),
        deployment: try await client.deployments().first { $0.name == name })
    }
    if output.json { return try ResultPrinter.printJSON(module) }
    StandardOutput.write(table(of: module.versions).text)
    guard !module.history.isEmpty else { return }
    var history = TextTable(
      .number("GENERATION"), .text("VERSION"), .number("REPLICAS"), .text("APPLICATION"),
      .text("DEPLOYED"))
    for deployed in module.history {
      history.add(
        "\(deployed.generation)", "\(deployed.version)", "\(deployed.replicas)",
        "\(deployed.application)", "\(deployed.deployedAt)")
    }
    StandardOutput.write("\n" + history.text)
    guard let deployment = module.deployment else { return }
    try WakingText.print(deployment.triggers, deployment.capabilities)
  }

  private func table(of versions: [ModuleVersionResource]) -> TextTable {
    var table = TextTable(
      .text("MODULE"), .text("VERSION"), .text("DIGEST"), .number("SIZE"), .text("SIGNED BY"),
      .text("PUSHED"))
    for version in versions {
      table.add(
        "\(version.name)", "\(version.version)", version.digest.short, "\(version.size)",
        version.signers.map { $0.text.prefix(12) }.joined(separator: ","),
        "\(version.pushedAt)")
    }
    return table
  }
}
