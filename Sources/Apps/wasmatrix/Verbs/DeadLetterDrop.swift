import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct DeadLetterDrop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop",
    abstract: "Forget a dead letter.",
    discussion: """
      EXAMPLE
        wasmatrix events dead drop 17
      """)

  @Argument(help: ArgumentHelp("The dead letter, from the list.", valueName: "id"))
  var id: Int64

  @OptionGroup var server: ServerOptions

  func run() async throws {
    try await server.withClient { try await $0.dropDeadLetter(DeliveryID(id)) }
    StandardOutput.write("dropped \(id)\n")
  }
}
