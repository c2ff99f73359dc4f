import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct UndeployVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undeploy",
    abstract: "Stop and remove an application, or one of its modules.",
    discussion: """
      The versions stay in the registry. Events that are still owed to the removed modules are put \
      aside as dead letters.

      EXAMPLE
        wasmatrix undeploy weather              # the whole application
        wasmatrix undeploy clean --module       # one module
      """)

  @Argument(
    help: ArgumentHelp("The application, or with --module the module.", valueName: "name"),
    transform: { try checked($0) as ApplicationName })
  var name: ApplicationName

  @Flag(help: "NAME is a module, not an application.")
  var module = false

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let kind: UndeployKind = module ? .module : .application
    let removed = try await server.withClient { try await $0.undeploy(name.text, kind: kind) }
    if output.json { return try ResultPrinter.printJSON(removed) }
    for name in removed { StandardOutput.write("removed \(name)\n") }
  }
}
