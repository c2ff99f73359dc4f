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
      one who runs it. It sees no file but those beneath --dir and --grant, and asks no server but \
      those that it is granted; what it tries beyond that is refused, and told on standard error.

      The exit status is the module's own. Before it ran, those of `wasmatrix --help` say what was \
      wrong; \(RunEnd.trapped) says that it trapped, \(RunEnd.ended) that it was ended for what it \
      used or that what it did was refused, \(RunEnd.interrupted) that it was interrupted.

      GRANTS
        publish=TOPIC-FILTER
            it may publish there; what it published is shown, and goes nowhere
        state=BUCKET[/PREFIX][:read]
            it may use a bucket, or its keys that begin so, or only read them;
            the bucket is empty at first; what was written is shown, then gone
        http-out=SERVER
            it may ask a server, for real: api.example.com, http://10.1.2.3:8080
        http-out.private=ADDRESSES
            where names of servers may lead that is not public: 10.20.0.0/16
        scratch[=SIZE]
            an empty folder at /tmp that is gone afterwards; 16MiB if not given
        bundle
            the files that were packed into it, at /data

      What it publishes and writes takes effect when it ends well, as in a cluster.

      EXAMPLE
        wasmatrix run hello.wasm
        wasmatrix run wc.wasm --dir .::/work:ro -- /work/README.md
        echo 'good morning' | wasmatrix run upper.wasm --limit cpu=1s
        wasmatrix run tally.wasm --grant state=tally --grant 'publish=tallied/#'
        wasmatrix run poll.wasm --grant http-out=http://127.0.0.1:8080 --json
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
      "What it may reach, as above: \(RunGrants.Kind.names).", valueName: "kind[=value]"))
  var grants: [String] = []

  @Option(
    name: .customLong("limit"),
    help: ArgumentHelp(
      "memory (128MiB if not given), cpu (10m), wall (1h), open-files (64); of what it asks: calls "
        + "(1000), call-bytes (16MiB), outstanding-calls (256).",
      valueName: "name=value"))
  var limits: [String] = []

  @Flag(help: "Print how it ended, and what it did, as a line of JSON to standard error.")
  var json = false

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("Its arguments, behind `--`.", valueName: "arguments"))
  var arguments: [String] = []

  func validate() throws {
    do throws(Problem) {
      _ = try RunGrants(grants)
    } catch {
      throw ValidationError(error.description)
    }
  }

  func run() async throws {
    let limits = try activationLimits()
    let grants = try RunGrants(self.grants)
    let file = try ModuleFile(path: path)
    let denials = ShownDenials(isQuiet: json)
    let granted = grants.capabilities
    let folders = self.folders.map(\.folder) + GuestFolder.granted(by: granted)
    let run = LocalRun(
      module: file.bytes, digest: try file.digest(), name: LocalRun.name(of: path), grants: granted,
      activation: Activation(
        arguments: [path] + arguments,
        environment: grants.environment(environment.map(\.variable), behind: folders.count),
        input: [], streams: .process, folders: folders, limits: limits, denials: denials),
      denials: denials)
    let ending = try await interruptible { try await run.run() }
    denials.finish()
    if json {
      StandardError.write(
        String(decoding: try APIJSON.encode(RunReport(ending, denials)), as: UTF8.self) + "\n")
    } else {
      for line in ending.effects.lines { StandardError.write("wasmatrix: \(line)\n") }
    }
    guard case .failure(let failure) = ending.report.result else { return }
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
    _ body: @escaping @Sendable () async throws -> RunEnding
  ) async throws -> RunEnding {
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
      case .hostCallLimit: "Give it more with --limit calls=..., or ask less often."
      case .callBytesLimit: "Give it more with --limit call-bytes=..., or ask for less at once."
      case .outstandingCallLimit:
        "Give it more with --limit outstanding-calls=..., or read answers before asking for more."
      case .effectsRefused: "Let it read each answer, and write what fits what is there."
      case _: nil
      }
    return problem
  }
}
