import ClusterModel
import Foundation
import Glibc
import HostPorts
import LocalSystem
import SupervisionRuntime
import WasmtimeEngine

/// Runs one module in this process, with the streams of this process.
struct LocalRun {
  let module: [UInt8]
  let digest: ModuleDigest
  let activation: Activation

  /// Compiles the module and runs it. Cancelling the task ends it.
  ///
  /// - Throws: ``Problem``: it cannot run here.
  func run() async throws(Problem) -> ActivationReport {
    try checkFolders()
    let scratch = try scratchFolder()
    // What the engine left there when it stopped; a failure leaves it to whoever cleans that place up.
    defer { if let scratch { try? FileManager.default.removeItem(atPath: scratch) } }
    var configuration = EngineConfiguration(machine: .read())
    configuration.workers = 1
    configuration.instanceSlots = 1
    let settings = configuration
    let engine = try await BlockingCall.run { () throws(Problem) in
      try WasmtimeEngine(
        configuration: settings, scratchFolder: scratch, writesMayWait: true)
    }
    defer { engine.stop() }
    return await (try await engine.prepare(module, digest: digest)).run(activation)
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

  /// A folder of our own for the scratch folder; `nil` when there is to be none.
  private func scratchFolder() throws(Problem) -> String? {
    let wantsScratch = activation.folders.contains { folder in
      if case .host = folder.source { false } else { true }
    }
    guard wantsScratch else { return nil }
    let place = Environment.value("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var template = (place + "/wasmatrix-run.XXXXXX").utf8CString.map { $0 }
    guard mkdtemp(&template) != nil else {
      throw Problem(
        .invalidInput, code: "folder_unusable", "no scratch folder can be made in \(place)",
        cause: SystemError.text(errno), next: "Set TMPDIR to a folder that can be written.")
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
