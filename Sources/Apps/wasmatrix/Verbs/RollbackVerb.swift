import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct RollbackVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback",
    abstract: "Go back to what was deployed before under a module's name.",
    discussion: """
      Without --to it is the last other version, with the settings it was deployed with. The version \
      that was replaced last is kept compiled on its nodes, so that going back to it only takes \
      making the change durable. The history stays: see `wasmatrix modules NAME`.

      EXAMPLE
        wasmatrix rollback clean
        wasmatrix rollback clean --to 1.2.0
      """)

  @Argument(
    help: ArgumentHelp("The module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName

  @Option(
    help: ArgumentHelp("The version to go back to.", valueName: "version"),
    transform: { try checked($0) as ModuleVersion })
  var to: ModuleVersion?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let deployment = try await server.withClient { try await $0.rollBack(name, to: to) }
    if output.json { return try ResultPrinter.printJSON(deployment) }
    StandardOutput.write(
      "\(deployment.name) is \(deployment.version) again (generation \(deployment.generation))\n")
  }
}
