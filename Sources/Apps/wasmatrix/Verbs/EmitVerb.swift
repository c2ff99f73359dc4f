import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct EmitVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emit",
    abstract: "Publish an event.",
    discussion: """
      Prints the event's offset in the log once it is safely stored. With --wait it waits until \
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

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions
}
