import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import Scheduling

struct ScaleVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Change on how many nodes a module serves.",
    discussion: """
      The version and all settings stay; the change is durable, and shown by `wasmatrix modules NAME`. \
      It ends when all of them serve, and says so when fewer nodes can run it. With 0 it serves nowhere until it is scaled again: its events \
      wait, invocations are refused. The next `wasmatrix deploy` of the manifest brings back what that \
      says, and `wasmatrix rollback` the number that was deployed then.

      EXAMPLE
        wasmatrix scale clean 3
        wasmatrix scale clean 3 --dry-run
        wasmatrix scale clean 0 --json
      """)

  @Argument(
    help: ArgumentHelp("The module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName

  @Argument(help: ArgumentHelp("Nodes that are to serve it, 0 to 1000.", valueName: "replicas"))
  var replicas: Int

  @Flag(help: "Show where it would serve, and change nothing.")
  var dryRun = false

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard PlacementRules.Range.replicas.contains(replicas) else {
      throw ValidationError("replicas are 0 to 1000")
    }
  }

  func run() async throws {
    if dryRun {
      let explanation = try await server.withClient {
        try await $0.planScale(name, to: replicas)
      }
      if output.json { return try ResultPrinter.printJSON(explanation) }
      return ExplanationPrinter.print(explanation)
    }
    let deployments = try await server.withClient { client in
      try await ApplicationDeployer(client: client).scale(name, to: replicas)
    }
    try ResultPrinter.print(deployments, output) { DeploymentTable.table(of: deployments) }
    let found = try await server.withClient { try await $0.explain(name) }
      .decision.selectedNodes.count
    if found < replicas {
      ProgressPrinter.note(
        "\(name): only \(found) of \(replicas) nodes can run it now; others follow when they can. "
          + "See why with `wasmatrix explain \(name)`.")
    }
  }
}
