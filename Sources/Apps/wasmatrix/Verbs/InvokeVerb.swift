import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct InvokeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "invoke",
    abstract: "Run a module now, and print its result.",
    discussion: """
      The data is the module's standard input; its standard output comes out as it is. When the \
      module fails, its error and what it wrote to standard error are shown, and the exit status \
      is 1.

      While the module serves nowhere for a moment, because its node was lost or a new version takes \
      over, this waits. Where nothing ran it is tried elsewhere. When it may have run, and what became \
      of it is not known, the answer is "outcome_unknown"; with --idempotent (or `idempotent: true` in \
      the manifest) it is run again instead.

      It runs at the placement that is nearest to where requests enter, until so much runs there that another \
      is better. With --zone or --near that is judged from where you are.

      EXAMPLE
        wasmatrix invoke clean --data '{"celsius": 21.5}'
        wasmatrix invoke clean --data @reading.json
        cat reading.json | wasmatrix invoke clean --data -
        wasmatrix invoke clean --data @reading.json --timeout 2s --idempotent
        wasmatrix invoke clean --data @reading.json --zone hall-2 --near 48.2,16.4
      """)

  @Argument(
    help: ArgumentHelp("The module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName

  @OptionGroup var data: DataOptions
  @OptionGroup var server: ServerOptions

  @Option(
    help: ArgumentHelp(
      "How long to wait for the answer, up to 1h; the wall time of the module and 5s when missing.",
      valueName: "time"))
  var timeout: DurationArgument?

  @Option(
    help: ArgumentHelp("The zone where you are.", valueName: "zone"),
    transform: { try checked($0) as Zone })
  var zone: Zone?

  @Option(
    help: ArgumentHelp("Where you are, in degrees.", valueName: "latitude,longitude"),
    transform: InvokeVerb.place)
  var near: Coordinates?

  @Flag(help: "Running it twice does no more than running it once.")
  var idempotent = false

  @Flag(help: "Print a JSON object with the result and what it used.")
  var json = false

  struct Answer: Encodable {
    var result: BytesResource?
    var cpuTimeMilliseconds: Double?
    var wallTimeMilliseconds: Double?
    var problem: ProblemResource?
  }

  static func place(_ text: String) throws -> Coordinates {
    do {
      return try Coordinates(text: text)
    } catch {
      throw ValidationError("\(error)")
    }
  }

  func validate() throws {
    guard let timeout, !InvocationOptions.timeoutRange.contains(timeout.duration) else { return }
    throw ValidationError("--timeout is 1ms to 1h")
  }

  func run() async throws {
    let bytes = try data.read()
    let outcome = try await server.withClient {
      try await $0.invoke(
        name, data: bytes, contentType: data.contentType ?? "application/octet-stream",
        InvocationOptions(
          timeout: timeout?.duration, isIdempotent: idempotent,
          place: CallerPlace(zone: zone, coordinates: near)))
    }
    switch outcome {
    case .succeeded(let result):
      guard json else { return StandardOutput.write(result.output) }
      try ResultPrinter.printJSON(
        Answer(
          result: BytesResource(result.output),
          cpuTimeMilliseconds: result.cpuTime?.milliseconds,
          wallTimeMilliseconds: result.wallTime?.milliseconds))
    case .failed(let resource):
      if json { try ResultPrinter.printJSON(Answer(problem: resource)) }
      ErrorPrinter.print(resource.problem, failure: resource.failure)
      throw ExitCode(resource.problem.category.exitStatus)
    }
  }
}
