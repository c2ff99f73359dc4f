import ArgumentParser
import ControlAPIClient
import ControlAPIModel

struct NodesVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nodes",
    abstract: "List the nodes of the cluster and how they are.",
    discussion: """
      WORK says whether a node is given work: open, cordoned, draining, or drained when no plan \
      has anything left on it. REASON is why those that are not healthy are in their state, in the words of \
      lifecycle events: silent, processEnded, leftOrderly. BREAKER is open when a node failed too often and \
      is given nothing for a while, then half_open until it has done some things well. A column that says \
      nothing of any node is left out: REASON, BREAKER, FAULT DOMAIN, LABELS. With --json all of it is said \
      of each node, and how long it takes from each to others and to landmarks, as they measured it lately \
      ("roundTrips"), and how the threads of its heartbeats are scheduled ("heartbeats").

      EXAMPLE
        wasmatrix nodes
        wasmatrix nodes --json
      """)

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let nodes = try await server.withClient { try await $0.nodes() }
    try ResultPrinter.print(nodes, output) { NodeTable.table(of: nodes) }
  }
}
