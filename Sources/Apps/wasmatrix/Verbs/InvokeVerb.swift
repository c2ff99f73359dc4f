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

      EXAMPLE
        wasmatrix invoke clean --data '{"celsius": 21.5}'
        wasmatrix invoke clean --data @reading.json
        cat reading.json | wasmatrix invoke clean --data -
      """)

  @Argument(
    help: ArgumentHelp("The module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName

  @OptionGroup var data: DataOptions
  @OptionGroup var server: ServerOptions

  @Flag(help: "Print a JSON object with the result and what it used.")
  var json = false

  struct Answer: Encodable {
    var result: BytesResource?
    var cpuTimeMilliseconds: Double?
    var wallTimeMilliseconds: Double?
    var problem: ProblemResource?
  }

  func run() async throws {
    let bytes = try data.read()
    let outcome = try await server.withClient {
      try await $0.invoke(
        name, data: bytes, contentType: data.contentType ?? "application/octet-stream")
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
