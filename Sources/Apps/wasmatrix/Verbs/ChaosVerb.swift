import ArgumentParser
import ClusterModel
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
        wasmatrix chaos kill --node press-7
        wasmatrix chaos kill main/node/engine --node press-7
        wasmatrix chaos freeze press-7 --for 2s
        wasmatrix chaos partition press-7 --for 2s
      """,
    subcommands: [ChaosKillVerb.self, ChaosFreezeVerb.self, ChaosPartitionVerb.self])
}

struct ChaosKillVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill",
    abstract: "End a service of the server or of an application, or a node, as if it had crashed.",
    discussion: """
      Its supervisor starts it again. Nothing that was acknowledged is lost: events that ran are run \
      again, and callers who waited hear that the outcome is unknown. `wasmatrix doctor` shows which \
      services there are and how often each was restarted. APPLICATION/MODULE names a module of kind \
      service; its instance is gone, and `wasmatrix ps` shows the next one. With --node it is a service of the \
      agent of that node, which `wasmatrix doctor --node` shows; without a path the whole agent dies, and \
      others serve in its place; whoever started it must start it again.

      EXAMPLE
        wasmatrix chaos kill main/events/bus
        wasmatrix chaos kill main/scheduling --json
        wasmatrix chaos kill plant/reader
        wasmatrix chaos kill main/node/engine --node press-7
        wasmatrix chaos kill --node press-7
      """)

  @Argument(help: ArgumentHelp("The path of the service.", valueName: "path"))
  var child: String?

  @Option(
    help: ArgumentHelp("The node; all of it when no service is named.", valueName: "node"),
    transform: { try checked($0) as NodeID })
  var node: NodeID?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard child != nil || node != nil else {
      throw ValidationError("name a service, or a node with --node")
    }
  }

  func run() async throws {
    if child == nil, let node {
      return try await NodeChaos(node: node, server: server, output: output).run(
        .kill, saying: "was killed")
    }
    guard let child else { return }
    try await server.withClient { [node] in try await $0.kill(child: child, on: node) }
    if output.json { return try ResultPrinter.printJSON(KillRequest(child: child, node: node)) }
    let doctor = node.map { "doctor --node \($0)" } ?? "doctor"
    let verb = child.hasPrefix("main") ? doctor : "ps"
    StandardOutput.write("\(child) was killed; see it come back with `wasmatrix \(verb)`\n")
  }
}

/// Breaks a node on purpose, and says so.
private struct NodeChaos {
  let node: NodeID
  let server: ServerOptions
  let output: OutputOptions

  func run(_ disturbance: NodeDisturbance, saying text: String) async throws {
    let result = try await server.withClient { try await $0.disturb(node, disturbance) }
    if output.json { return try ResultPrinter.printJSON(result) }
    StandardOutput.write("\(node) \(text); see what becomes of it with `wasmatrix nodes`\n")
  }
}

/// A node, and for how long it is broken.
struct NodeChaosArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The node.", valueName: "node"),
    transform: { try checked($0) as NodeID })
  var node: NodeID

  @Option(name: .customLong("for"), help: ArgumentHelp("How long, 1ms to 5m.", valueName: "time"))
  var duration = DurationArgument(.seconds(2))

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard NodeDisturbance.durations.contains(duration.duration) else {
      throw ValidationError("--for is 1ms to 5m")
    }
  }

  fileprivate func run(_ disturbance: NodeDisturbance, saying text: String) async throws {
    try await NodeChaos(node: node, server: server, output: output).run(
      disturbance, saying: text)
  }
}

struct ChaosFreezeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "freeze",
    abstract: "Let the agent of a node stand still for a while.",
    discussion: """
      It does not die, and its connections stay: only its silence tells. Others serve in its place; when it \
      goes on it is adopted with what it holds.

      EXAMPLE
        wasmatrix chaos freeze press-7 --for 2s
      """)

  @OptionGroup var arguments: NodeChaosArguments

  func run() async throws {
    try await arguments.run(.freeze(arguments.duration.duration), saying: "stands still")
  }
}

struct ChaosPartitionVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partition",
    abstract: "Cut a node off from the control plane for a while.",
    discussion: """
      It goes on with what it has, hears nothing and is not heard; what must stop when isolated stops. Then it \
      attaches again.

      EXAMPLE
        wasmatrix chaos partition press-7 --for 5s
      """)

  @OptionGroup var arguments: NodeChaosArguments

  func run() async throws {
    try await arguments.run(.partition(arguments.duration.duration), saying: "is cut off")
  }
}
