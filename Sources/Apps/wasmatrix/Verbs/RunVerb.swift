import ArgumentParser
import ClusterModel
import ControlAPIModel
import HostPorts
import LocalSystem
import ManifestYAML

struct RunVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a module once, here, without a cluster.",
    discussion: """
      The module runs in the sandbox that it would have in a cluster, with the standard input, \
      output and error of this program. It needs no server, and it need not be signed: you are the \
      one who runs it. It sees no file but those beneath --dir and --grant, and no network; what it \
      tries beyond that is refused, and told on standard error.

      The exit status is the module's own. Before it ran, those of `wasmatrix --help` say what was \
      wrong; \(RunEnd.trapped) says that it trapped, \(RunEnd.ended) that it was ended for what it \
      used, \(RunEnd.interrupted) that it was interrupted.

      EXAMPLE
        wasmatrix run hello.wasm
        wasmatrix run wc.wasm --dir .::/work:ro -- /work/README.md
        echo 'good morning' | wasmatrix run upper.wasm --limit cpu=1s
      """)

  @Argument(help: ArgumentHelp("The module.", valueName: "file.wasm"))
  var path: String

  @Option(
    name: .customLong("env"),
    help: ArgumentHelp("A variable of its environment.", valueName: "name=value"))
  var environment: [EnvironmentArgument] = []

  @Option(
    name: .customLong("dir"),
    help: ArgumentHelp(
      "A folder that it may use, and where it finds it; with :ro for reading alone.",
      valueName: "host[::guest][:ro]"))
  var folders: [FolderArgument] = []

  @Option(
    name: .customLong("grant"),
    help: ArgumentHelp(
      "scratch: an empty folder at /tmp that is gone afterwards (16MiB if no size is given); "
        + "bundle: the files that were packed into it, at /data.",
      valueName: "scratch[=size]|bundle"))
  var grants: [GrantArgument] = []

  @Option(
    name: .customLong("limit"),
    help: ArgumentHelp(
      "memory (128MiB if not given), cpu (10m), wall (1h), open-files (64).",
      valueName: "name=value"))
  var limits: [String] = []

  @Flag(help: "Print how it ended as a line of JSON to standard error.")
  var json = false

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("Its arguments, behind `--`.", valueName: "arguments"))
  var arguments: [String] = []

  func validate() throws {
    guard Set(grants.map(\.folder.path)).count == grants.count else {
      throw ValidationError("each --grant can be given once")
    }
  }

  func run() async throws {
    let limits = try activationLimits()
    let file = try ModuleFile(path: path)
    let denials = ShownDenials(isQuiet: json)
    let run = LocalRun(
      module: file.bytes, digest: try file.digest(),
      activation: Activation(
        arguments: [path] + arguments, environment: environment.map(\.variable), input: [],
        streams: .process, folders: folders.map(\.folder) + grants.map(\.folder),
        limits: limits, denials: denials))
    let report = try await interruptible { try await run.run() }
    if json {
      StandardError.write(
        String(decoding: try APIJSON.encode(RunReport(report, denials)), as: UTF8.self) + "\n")
    }
    denials.finish()
    guard case .failure(let failure) = report.result else { return }
    if !json, failure.code != .guestExited, failure.code != .cancelled {
      ErrorPrinter.print(
        failure.runProblem, failure: FailureResource(failure, log: nil, logTruncated: nil))
    }
    throw ExitCode(RunEnd.status(of: failure))
  }

  private func activationLimits() throws(Problem) -> ActivationLimits {
    // Nobody else waits for what is run by hand: it may take as long as anything may.
    var limits = ActivationLimits(
      cpuTime: ActivationLimits.Range.cpuTime.upperBound,
      wallTime: ActivationLimits.Range.wallTime.upperBound)
    for setting in self.limits { try LimitSetting.apply(setting, to: &limits) }
    return limits
  }

  /// Ends `body` at the first SIGINT or SIGTERM.
  private func interruptible(
    _ body: @escaping @Sendable () async throws -> ActivationReport
  ) async throws -> ActivationReport {
    let signals = StopSignals()
    let task = Task { try await body() }
    let watch = Task {
      await signals.first()
      task.cancel()
    }
    defer { watch.cancel() }
    return try await task.value
  }
}

extension ActivationFailure {
  /// The same failure with what helps somebody who runs it by hand.
  fileprivate var runProblem: Problem {
    var problem = problem
    problem.next =
      switch code {
      case .memoryLimit: "Give it more with --limit memory=..., or use less."
      case .cpuTimeLimit: "Give it more with --limit cpu=..., or compute less."
      case .wallTimeLimit: "Give it more with --limit wall=..., or wait less."
      case _: nil
      }
    return problem
  }
}
