import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct NodeArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The node.", valueName: "node"),
    transform: { try checked($0) as NodeID })
  var node: NodeID

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run(_ command: NodeCommand, saying text: String) async throws {
    let result = try await server.withClient { try await $0.command(command, node) }
    if output.json { return try ResultPrinter.printJSON(result) }
    StandardOutput.write("\(node) \(text)\n")
  }
}

struct CordonVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cordon",
    abstract: "Give a node nothing new; it keeps what it has.",
    discussion: """
      EXAMPLE
        wasmatrix cordon press-7
      """)

  @OptionGroup var arguments: NodeArguments

  func run() async throws { try await arguments.run(.cordon, saying: "gets nothing new") }
}

struct UncordonVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "uncordon",
    abstract: "Give a node work again after cordon or drain.",
    discussion: """
      EXAMPLE
        wasmatrix uncordon press-7
      """)

  @OptionGroup var arguments: NodeArguments

  func run() async throws { try await arguments.run(.uncordon, saying: "gets work again") }
}
