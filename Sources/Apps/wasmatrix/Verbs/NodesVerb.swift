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
      WORK says whether a node is given work: open, cordoned, draining, or drained when no plan \
      has anything left on it. With --json also how long it takes from each to others and to \
      landmarks, as they measured it lately ("roundTrips"), and how the threads of its heartbeats \
      are scheduled ("heartbeats").

      EXAMPLE
        wasmatrix nodes
        wasmatrix nodes --json
      """)

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  private func number(_ number: Int?) -> String { number.map(String.init) ?? "" }

  func run() async throws {
    let nodes = try await server.withClient { try await $0.nodes() }
    try ResultPrinter.print(nodes, output) {
      var table = TextTable(
        .text("NODE"), .text("STATE"), .text("WORK"), .text("ZONE"), .text("ARCH"),
        .text("ENGINE"), .number("WORKERS"), .number("LIVE"), .number("QUEUED"),
        .number("SLOTS"), .text("VERSION"), .text("STARTED"))
      for node in nodes {
        table.add(
          "\(node.id)", node.state.rawValue,
          node.drained == true ? "drained" : node.scheduling.rawValue, "\(node.location.zone)",
          node.capabilities.architectures.first?.rawValue ?? "",
          node.engine?.libraryVersion ?? "", number(node.engine?.workers),
          number(node.engine?.liveInstances), number(node.engine?.queuedActivations),
          number(node.engine?.instanceSlots), node.version ?? "",
          node.startedAt?.description ?? "")
      }
      return table
    }
  }
}
