import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct EmitVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emit",
    abstract: "Publish an event.",
    discussion: """
      Prints the event's offset in the log once it is safely stored. An event whose source and id were \
      published a moment ago is a duplicate: it is told where the first one is, and nothing is \
      delivered again. When the server has too much to do, it says when to try again, and so it \
      is tried, for as long as --patience. With --wait it waits until \
      every module that the event wakes has handled it or given up, and prints what came of it; \
      the exit status is 1 when one gave up, or when the time ran out.

      EXAMPLE
        wasmatrix emit sensors/kitchen/temperature --data '{"celsius": 21.5}'
        wasmatrix emit sensors/kitchen/temperature --data @reading.json --wait --timeout 10s
      """)

  @Argument(
    help: ArgumentHelp("Where to publish.", valueName: "topic"),
    transform: { try checked($0) as Topic })
  var topic: Topic

  @OptionGroup var data: DataOptions

  @Option(help: ArgumentHelp("What happened (default: the topic).", valueName: "type"))
  var type: String?

  @Option(help: ArgumentHelp("Who sends it: a URI reference.", valueName: "source"))
  var source = "/wasmatrix/cli"

  @Option(help: ArgumentHelp("The event's id (default: a random one).", valueName: "id"))
  var id: String?

  @Option(help: ArgumentHelp("What in the source it is about.", valueName: "subject"))
  var subject: String?

  @Flag(help: "Wait for what comes of it.")
  var wait = false

  @Option(help: ArgumentHelp("How long to wait.", valueName: "time"))
  var timeout = DurationArgument(.seconds(30))

  @Option(
    help: ArgumentHelp(
      "How long to go on trying when the server says to slow down; 0s for not at all.",
      valueName: "time"))
  var patience = DurationArgument(.seconds(60))

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  private var slowDown: SlowDown {
    SlowDown(patience: patience.duration) { wait, problem in
      ProgressPrinter.note(
        "told to slow down (\(problem.message)); trying again in \(wait.components.seconds) s")
    }
  }

  func run() async throws {
    var event = Event(
      id: id ?? Self.randomID(), source: source, type: type ?? topic.text, topic: topic)
    event.subject = subject
    event.dataContentType = data.contentType
    event.data = try data.read()
    let published = event
    let (accepted, status) = try await server.withClient { client in
      let accepted = try await client.publish(published, slowDown: slowDown)
      if accepted.duplicate {
        ProgressPrinter.note(
          "published before, at offset \(accepted.offset?.description ?? "?"): nothing is delivered again"
        )
      }
      guard wait else { return (accepted, nil as EventStatusResource?) }
      guard let offset = accepted.offset else {
        throw Problem(
          .conflict, code: "not_in_log_yet",
          "the event is on the disk of a node, on its way to the control plane",
          next: "Name the control plane with --server to wait for what comes of it.")
      }
      return (accepted, try await settled(offset, client))
    }
    if let status { return try report(status) }
    if output.json { return try ResultPrinter.printJSON(accepted) }
    StandardOutput.write("\(accepted.offset?.description ?? accepted.id)\n")
  }

  /// Asks until everything has settled or the time is up; one question waits only so long.
  private func settled(
    _ offset: EventOffset, _ client: APIClient
  ) async throws -> EventStatusResource {
    let deadline = ContinuousClock.now + timeout.duration
    while true {
      let remaining = deadline - .now
      let status = try await client.eventStatus(offset, patience: remaining)
      if status.settled || remaining <= APILimits.wait { return status }
    }
  }

  private func report(_ status: EventStatusResource) throws {
    if status.deliveries.isEmpty {
      ProgressPrinter.note("no module is woken by \(topic)")
    }
    try ResultPrinter.print(status, output) {
      var table = TextTable(
        .number("OFFSET"), .text("MODULE"), .text("STATE"), .number("ATTEMPTS"), .text("RESULT"))
      for delivery in status.deliveries {
        table.add(
          "\(status.offset)", delivery.module.text, delivery.state.rawValue,
          "\(delivery.attempts)", Self.resultText(delivery))
      }
      return table
    }
    guard status.settled else {
      throw Problem(
        .deadlineExceeded, code: "wait_timed_out", "not every delivery has settled yet",
        next: "Wait longer with --timeout, or look at `wasmatrix events dead list` later.")
    }
    if status.deliveries.contains(where: { $0.state == .dead }) { throw ExitCode.failure }
  }

  /// The beginning of what a module answered, or how it failed.
  private static func resultText(_ delivery: EventStatusResource.Delivery) -> String {
    if delivery.state != .succeeded {
      return delivery.failure.map(GuestFailureText.line) ?? ""
    }
    guard let output = delivery.output else { return "" }
    let shown = 60
    guard let text = output.text else { return "\(output.bytes.count) bytes" }
    let isCut = text.count > shown || delivery.outputTruncated == true
    return text.prefix(shown) + (isCut ? "..." : "")
  }

  private static func randomID() -> String {
    Hexadecimal.encode((0..<16).map { _ in UInt8.random(in: .min ... .max) })
  }
}
