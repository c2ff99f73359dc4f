import ClusterModel
import Glibc
import HTTPOut
import HostPorts
import LocalSystem
import SupervisionRuntime
import WasmtimeEngine

/// Runs one module in this process, with the streams of this process.
///
///     engine ──prepare──> module ──run──> report ──succeeded──> effects: state, then events
///                                   │
///                                   └── asks ──> LocalRequests ──> LocalState, HTTPOut
struct LocalRun {
  let module: [UInt8]
  let digest: ModuleDigest
  /// What events that it publishes name as their source.
  let name: ModuleName
  let grants: CapabilityGrants
  /// Without anybody who answers what it asks: with any of ``grants`` somebody will.
  let activation: Activation
  let denials: ShownDenials

  /// What a module would be called: as its file, if that is a name.
  static func name(of path: String) -> ModuleName {
    var file = path.split(separator: "/").last ?? ""
    if file.hasSuffix(".wasm") { file = file.dropLast(5) }
    let name = String(file)
    return ModuleName(unchecked: ModuleName.isValid(name) ? name : "module")
  }

  /// Compiles the module and runs it. Cancelling the task ends it.
  ///
  /// - Throws: ``Problem``: it cannot run here.
  func run() async throws(Problem) -> RunEnding {
    try checkFolders()
    let scratch = try scratchFolder()
    // What the engine left there when it stopped.
    defer { scratch?.remove() }
    var configuration = EngineConfiguration(machine: .read())
    configuration.workers = 1
    configuration.instanceSlots = 1
    let settings = configuration
    let engine = try await BlockingCall.run { () throws(Problem) in
      try WasmtimeEngine(
        configuration: settings, scratchFolder: scratch?.path, writesMayWait: true)
    }
    defer { engine.stop() }
    let prepared = try await engine.prepare(module, digest: digest)
    guard !grants.granted.isEmpty else {
      return RunEnding(report: await prepared.run(activation))
    }
    return try await run(prepared)
  }

  /// Runs it with somebody who answers what it asks, as a module in a cluster that is granted anything.
  private func run(_ prepared: any PreparedModule) async throws(Problem) -> RunEnding {
    var state: LocalState?
    if !grants.state.isEmpty { state = try await LocalState.open(grants.state.map(\.bucket)) }
    let http = HTTPOut()
    let requests = LocalRequests(
      grants, state: state?.store, http: http, clock: SystemClock(), denials: denials)
    var asking = activation
    asking.services = requests
    let report = await prepared.run(asking)
    let ending: Result<RunEnding, Problem>
    do throws(Problem) {
      ending = .success(try await end(report, wanting: requests.effects, in: state))
    } catch {
      ending = .failure(error)
    }
    await http.stop()
    await state?.close()
    return try ending.get()
  }

  /// What a module wants done takes effect when it has succeeded, all of it or nothing.
  private func end(
    _ report: ActivationReport, wanting effects: ActivationEffects, in state: LocalState?
  ) async throws(Problem) -> RunEnding {
    var ending = RunEnding(report: report)
    guard case .success = report.result else {
      ending.effects = .discarding(effects)
      return ending
    }
    let now = SystemClock().now().wall
    guard let state else {
      ending.effects.published = RunEffects.events(effects.published, by: name, at: now)
      return ending
    }
    do throws(Problem) {
      try await state.carryOut(effects.writes, at: now)
    } catch {
      guard error.isRefusalOfEffects else { throw error }
      let cause = error.cause.map { " (\($0))" } ?? ""
      ending.report.result = .failure(
        ActivationFailure(code: .effectsRefused, message: error.message + cause))
      ending.effects = .discarding(effects)
      return ending
    }
    ending.effects.published = RunEffects.events(effects.published, by: name, at: now)
    for grant in grants.state {
      ending.effects.state.append(
        RunEffects.Bucket(name: grant.bucket, changes: try await state.changes(of: grant.bucket)))
    }
    return ending
  }

  /// Says what is wrong with a folder before anything runs.
  private func checkFolders() throws(Problem) {
    for folder in activation.folders {
      guard case .host(let path, _) = folder.source else { continue }
      let opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard opened >= 0 else {
        throw Problem(
          .invalidInput, code: "folder_unusable", "the folder \(path) cannot be opened",
          cause: SystemError.text(errno), next: "Name a folder that is there with --dir.")
      }
      close(opened)
    }
  }

  /// Where the engine makes what is no folder of the machine; `nil` when there is to be none.
  private func scratchFolder() throws(Problem) -> TemporaryFolder? {
    let isWanted = activation.folders.contains { folder in
      if case .host = folder.source { false } else { true }
    }
    guard isWanted else { return nil }
    return try TemporaryFolder()
  }
}
