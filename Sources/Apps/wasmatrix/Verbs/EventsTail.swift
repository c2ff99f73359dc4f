import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct EventsTail: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tail",
    abstract: "Show events as they come. Ctrl-C ends it.",
    discussion: """
      TOPIC is a filter: + stands for any one level, # for the rest. The cluster's own life is below \
      $wasmatrix/lifecycle/. With --since it begins with what is still kept from an offset on. \
      Events that came and went while this was too slow, or that are no longer kept, are reported, \
      never left out in silence.

      EXAMPLE
        wasmatrix events tail 'sensors/#'
        wasmatrix events tail '$wasmatrix/lifecycle/#' --json
        wasmatrix events tail 'orders/+' --where '{"data": {"sum": [{"numeric": [">", 100]}]}}' --since 1
      """)

  @Argument(
    help: ArgumentHelp("Of which topics.", valueName: "topic"),
    transform: { try checked($0) as TopicFilter })
  var topic: TopicFilter

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp("Which of them: an event pattern, as JSON.", valueName: "pattern"))
  var pattern: String?

  @Option(help: ArgumentHelp("The first offset (default: what comes).", valueName: "offset"))
  var since: Int64?

  @Option(help: ArgumentHelp("End after so many events.", valueName: "n"))
  var count: Int?

  @OptionGroup var server: ServerOptions

  @Flag(help: "Print one JSON object a line.")
  var json = false

  private enum Ended { case stream, signal }

  func run() async throws {
    let signals = StopSignals()
    try await server.withClient { client in
      let lines = try await client.tailEvents(
        on: topic, matching: pattern, since: since.map { EventOffset($0) })
      try await withThrowingTaskGroup(of: Ended.self) { group in
        group.addTask {
          try await show(lines)
          return .stream
        }
        group.addTask {
          await signals.first()
          return .signal
        }
        let ended = try await group.next()
        group.cancelAll()
        // What a cancelled stream says of that is no news.
        if ended == .signal { while (try? await group.next()) != nil {} }
      }
    }
  }

  private func show(_ lines: LineSequence<TailLineResource>) async throws {
    var left = count ?? .max
    guard left > 0 else { return }
    for try await line in lines {
      if json {
        try ResultPrinter.printJSONLine(line)
      } else if let missed = line.missed {
        ErrorPrinter.warn(
          "events \(missed.from) to \(missed.through) were missed: they are no longer kept")
      } else {
        StandardOutput.write(Self.text(line))
      }
      if line.event != nil { left -= 1 }
      if left == 0 { return }
    }
    throw Problem(
      .unavailable, code: "stream_ended", "the server ended the stream",
      next: "Go on with --since and the offset after the last one that was shown.")
  }

  private static func text(_ line: TailLineResource) -> String {
    guard let event = line.event, let offset = line.offset, let at = line.acceptedAt else {
      return ""
    }
    let topic = Terminal.harmless(event.topic.text)
    let subject = event.subject.map { " " + Terminal.harmless($0) } ?? ""
    let data = event.data.map(StateText.of) ?? ""
    return "\(offset) \(at) \(topic)\(subject) \(data)\n"
  }
}
