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

  @Argument(help: ArgumentHelp("The application, or with --module the module.", valueName: "name"))
  var name: String

  @Flag(help: "NAME is a module, not an application.")
  var module = false

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let removed: [ModuleName]
    if module {
      let name: ModuleName = try checked(name)
      removed = try await server.withClient { try await $0.undeploy(module: name) }
    } else {
      let name: ApplicationName = try checked(name)
      removed = try await server.withClient { try await $0.undeploy(application: name) }
    }
    if output.json { return try ResultPrinter.printJSON(removed) }
    for name in removed { StandardOutput.write("removed \(name)\n") }
  }
}
