import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct DistributionVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distribution",
    abstract: "Show how far versions are on their way to their nodes.",
    discussion: """
      One line for each version on each node that should hold it, also ahead of need: fallbacks, and what is \
      kept for a rollback. It waits (so many are made ready at a time), is fetched, is verified and compiled, \
      and is ready; or it has failed, and why. While `deploy` waits it shows the same as it goes on.

      Each node is asked, and what one does not say within 2 s is not shown: such nodes are named in a warning \
      (--json: {"items": [...], "unanswered": [...]}), also those that are silent. The exit status is 0 all the \
      same.

      EXAMPLE
        wasmatrix distribution
        wasmatrix distribution clean --json
      """)

  @Argument(
    help: ArgumentHelp("The module; all of them when missing.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let name = name
    let all = try await server.withClient { try await $0.distribution(of: name) }
    try FleetListPrinter.print(all, output) {
      var table = TextTable(
        .text("MODULE"), .text("VERSION"), .text("NODE"), .text("ROLE"), .number("GENERATION"),
        .text("STAGE"))
      for one in all.items {
        table.add(
          "\(one.module)", "\(one.version)", "\(one.node)", one.role.rawValue,
          "\(one.generation)", DistributionText.stage(one))
      }
      return table
    }
  }
}
