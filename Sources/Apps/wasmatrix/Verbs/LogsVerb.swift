import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts

struct LogsVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs",
    abstract: "Show what a module wrote to standard error.",
    discussion: """
      Each line has its time, the version and the id of the event that was being handled.

      EXAMPLE
        wasmatrix logs clean
        wasmatrix logs clean --follow
        wasmatrix logs clean --json | jq -r .text
      """)

  @Argument(
    help: ArgumentHelp("The module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName

  @Flag(name: [.short, .long], help: "Stay, and show lines as they come. Ctrl-C ends it.")
  var follow = false

  @OptionGroup var server: ServerOptions

  @Flag(help: "Print one JSON object a line.")
  var json = false

  func run() async throws {
    try await server.withClient { client in
      for try await line in try await client.logs(of: name, follow: follow) {
        if json {
          try ResultPrinter.printJSONLine(line)
        } else {
          StandardOutput.write(LogLinePrinter.text(of: line))
        }
      }
    }
  }
}
