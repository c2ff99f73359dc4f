import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct DeadLetterReplay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Deliver a dead letter again, from the first attempt on.",
    discussion: """
      EXAMPLE
        wasmatrix events dead replay 17
      """)

  @Argument(help: ArgumentHelp("The dead letter, from the list.", valueName: "id"))
  var id: Int64

  @OptionGroup var server: ServerOptions

  func run() async throws {
    try await server.withClient { try await $0.replayDeadLetter(DeliveryID(id)) }
    StandardOutput.write("replaying \(id)\n")
  }
}
