import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct DeadLetterShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show a dead letter: its event, its data, every failed attempt.",
    discussion: """
      EXAMPLE
        wasmatrix events dead show 17
        wasmatrix events dead show 17 --json | jq -r .event.data.text
      """)

  @Argument(help: ArgumentHelp("The dead letter, from the list.", valueName: "id"))
  var id: Int64

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let letter = try await server.withClient { try await $0.deadLetter(DeliveryID(id)) }
    if output.json { return try ResultPrinter.printJSON(letter) }
    var facts = TextTable(.text("DEAD LETTER"), .text("\(letter.id)"))
    facts.add("module", letter.module.text)
    facts.add("offset", "\(letter.offset)")
    facts.add("died", "\(letter.diedAt)")
    if let event = letter.event {
      facts.add("topic", event.topic.text)
      facts.add("event", event.id)
      facts.add("source", event.source)
      facts.add("type", event.type)
      facts.add("data", dataText(event))
    } else {
      facts.add("event", "damaged: it cannot be read any more")
    }
    var attempts = TextTable(.number("ATTEMPT"), .text("TIME"), .text("FAILURE"))
    for attempt in letter.history {
      attempts.add(
        "\(attempt.attempt)", "\(attempt.at)", GuestFailureText.line(attempt.failure))
    }
    StandardOutput.write(facts.text + "\n" + attempts.text)
    if let last = letter.history.last {
      StandardOutput.write(GuestFailureText.details(of: last.failure))
    }
  }

  /// The data if it is a short text, else its size.
  private func dataText(_ event: EventResource) -> String {
    guard let text = event.data?.text, text.count <= 200 else { return "\(event.dataSize)" }
    return text
  }
}
