import ArgumentParser
import ControlAPIClient
import ControlAPIModel

struct ChaosVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chaos",
    abstract: "Break something on purpose, to see that it heals.",
    discussion: """
      EXAMPLE
        wasmatrix chaos kill main/events/bus
        wasmatrix chaos kill plant/reader
      """,
    subcommands: [ChaosKillVerb.self])
}

struct ChaosKillVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill",
    abstract: "End a service of the server, or of an application, as if it had crashed.",
    discussion: """
      Its supervisor starts it again. Nothing that was acknowledged is lost: events that ran are run \
      again, and callers who waited hear that the outcome is unknown. `wasmatrix doctor` shows which \
      services there are and how often each was restarted. APPLICATION/MODULE names a module of kind \
      service; its instance is gone, and `wasmatrix ps` shows the next one.

      EXAMPLE
        wasmatrix chaos kill main/events/bus
        wasmatrix chaos kill main/scheduling --json
        wasmatrix chaos kill plant/reader
      """)

  @Argument(help: ArgumentHelp("The path of the service.", valueName: "path"))
  var child: String

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await server.withClient { try await $0.kill(child: child) }
    if output.json { return try ResultPrinter.printJSON(KillRequest(child: child)) }
    let verb = child.hasPrefix("main") ? "doctor" : "ps"
    StandardOutput.write("\(child) was killed; see it come back with `wasmatrix \(verb)`\n")
  }
}
