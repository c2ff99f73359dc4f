import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts

struct PlacementsVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ps",
    abstract: "List what is ready to run, and where.",
    discussion: """
      One line for each version that is made ready on a node, with what it has done so far. Active \
      ones serve; fallbacks take over when a node is lost; retained ones were replaced and are kept \
      ready for a rollback. CODE is quick until the optimised code is there, which replaces it without \
      an interruption.

      EXAMPLE
        wasmatrix ps
        wasmatrix ps --json
      """)

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let placements = try await server.withClient { try await $0.placements() }
    try ResultPrinter.print(placements, output) {
      var table = TextTable(
        .text("MODULE"), .text("VERSION"), .text("NODE"), .text("ROLE"), .number("GENERATION"),
        .text("CODE"), .number("RUNNING"), .number("ACTIVATIONS"), .number("FAILURES"),
        .text("READY SINCE"))
      for placement in placements {
        table.add(
          "\(placement.module)", "\(placement.version)", "\(placement.node)",
          placement.role.rawValue, "\(placement.generation)", placement.code.rawValue,
          "\(placement.running)",
          "\(placement.activations)",
          "\(placement.failures)", "\(placement.readySince)")
      }
      return table
    }
  }
}
