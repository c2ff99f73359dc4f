import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts

/// An offset, or a time in the form of RFC 3339.
struct ReplayBoundArgument: ExpressibleByArgument {
  let bound: ReplayRequest.Bound

  init?(argument: String) {
    if let offset = Int64(argument), (0..<(.max)).contains(offset) {
      bound = .offset(EventOffset(offset))
    } else if let time = WallInstant(argument) {
      bound = .time(time)
    } else {
      return nil
    }
  }
}

struct EventsReplay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Deliver events again that are still kept.",
    discussion: """
      Every module that wants an event now gets it once more, or only the one that is named: also those \
      that were not deployed when it was published. --from and --to are offsets or times, both included. \
      What is no longer kept is reported, and the exit status is then 1. Ctrl-C ends it after a page; \
      what was delivered stays.

      EXAMPLE
        wasmatrix events replay --from 1
        wasmatrix events replay --from 2026-11-26T08:00:00Z --to 2026-11-26T09:00:00Z --module invoices
        wasmatrix events replay --from 1200 --topic 'orders/+'
      """)

  @Option(help: ArgumentHelp("The first one.", valueName: "offset|time"))
  var from: ReplayBoundArgument

  @Option(
    help: ArgumentHelp("The last one (default: the newest there is).", valueName: "offset|time"))
  var to: ReplayBoundArgument?

  @Option(
    help: ArgumentHelp("Only of these topics: a filter.", valueName: "topic"),
    transform: { try checked($0) as TopicFilter })
  var topic: TopicFilter?

  @Option(
    help: ArgumentHelp("Only to this module.", valueName: "module"),
    transform: { try checked($0) as ModuleName })
  var module: ModuleName?

  @Option(
    help: ArgumentHelp(
      "How long to wait in a row while the server has too much to do.", valueName: "time"))
  var patience = DurationArgument(.seconds(600))

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  /// What came of the whole.
  struct Total: Codable {
    var events = 0
    var deliveries = 0
    var missed: [ReplayResource.Missed] = []
  }

  func run() async throws {
    let request = ReplayRequest(
      from: from.bound, through: to?.bound, topic: topic, module: module)
    let slowDown = SlowDown(patience: patience.duration) { wait, problem in
      ProgressPrinter.note("waiting \(wait.components.seconds) s: \(problem.message)")
    }
    let total = try await server.withClient { client in
      var total = Total()
      try await client.replay(request, slowDown: slowDown) { page in
        total.events += page.events
        total.deliveries += page.deliveries
        total.missed += page.missed
        for missed in page.missed {
          ErrorPrinter.warn("events \(missed.from) to \(missed.through) are no longer kept")
        }
        if let next = page.next {
          ProgressPrinter.note("\(total.events) events so far, at \(next) of \(page.through)")
        }
      }
      return total
    }
    if output.json {
      try ResultPrinter.printJSON(total)
    } else {
      StandardOutput.write("\(total.events) events again, \(total.deliveries) deliveries\n")
    }
    if !total.missed.isEmpty { throw ExitCode.failure }
  }
}
