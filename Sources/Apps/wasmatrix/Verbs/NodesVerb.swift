import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts

struct NodesVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nodes",
    abstract: "List the nodes of the cluster and how they are.",
    discussion: """
      EXAMPLE
        wasmatrix nodes
        wasmatrix nodes --json
      """)

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let nodes = try await server.withClient { try await $0.nodes() }
    try ResultPrinter.print(nodes, output) {
      var table = TextTable(
        .text("NODE"), .text("HEALTH"), .text("ENGINE"), .text("ARCH"), .number("WORKERS"),
        .number("LIVE"), .number("QUEUED"), .number("SLOTS"), .text("STARTED"))
      for node in nodes {
        table.add(
          "\(node.id)", node.health, node.engine.libraryVersion, node.engine.architecture,
          "\(node.engine.workers)", "\(node.engine.liveInstances)",
          "\(node.engine.queuedActivations)", "\(node.engine.instanceSlots)", "\(node.startedAt)")
      }
      return table
    }
  }
}
