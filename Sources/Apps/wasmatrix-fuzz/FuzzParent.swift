import ArgumentParser
import Foundation

/// Starts the process that runs the cases, and keeps what ended it.
struct FuzzParent {
  private let fuzz: Fuzz
  private let seed: UInt64

  init(_ fuzz: Fuzz, seed: UInt64) {
    self.fuzz = fuzz
    self.seed = seed
  }

  /// A case that takes longer than the time for all by this is one that hangs.
  private static let patience = 60.0

  func run() throws {
    FileHandle.standardOutput.write(Data("seed \(seed)\n".utf8))
    let folder = NSTemporaryDirectory() + "wasmatrix-fuzz-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    child.arguments =
      [
        fuzz.target.rawValue, "--seed", "\(seed)", "--first", "\(fuzz.first)", "--minutes",
        "\(fuzz.minutes)", "--guests", fuzz.guests, "--child", folder,
      ] + (fuzz.cases.map { ["--cases", "\($0)"] } ?? [])
    try child.run()
    let watch = DispatchWorkItem { child.terminate() }
    DispatchQueue.global().asyncAfter(
      deadline: .now() + fuzz.minutes * 60 + Self.patience, execute: watch)
    child.waitUntilExit()
    watch.cancel()
    guard child.terminationStatus != 0 || child.terminationReason != .exit else { return }
    try keep(folder, child)
    throw ExitCode.failure
  }

  private func keep(_ folder: String, _ child: Process) throws {
    let noted = try? String(contentsOfFile: folder + "/" + FuzzLoop.caseFile, encoding: .utf8)
    let numbers = (noted ?? "").split(separator: " ").compactMap { UInt64($0) }
    let how = child.terminationReason == .exit ? "status" : "signal"
    guard numbers.count == 2 else {
      print("error: it ended with \(how) \(child.terminationStatus) before the first case")
      return
    }
    print("error: case \(numbers[0]) of seed \(seed): \(how) \(child.terminationStatus)")
    for index in 0..<numbers[1] {
      let name = "fuzz-\(fuzz.target.rawValue)-\(seed)-\(numbers[0])-\(index).wasm"
      let module = try Data(
        contentsOf: URL(fileURLWithPath: "\(folder)/\(FuzzLoop.caseFile)-\(index).wasm"))
      try module.write(to: URL(fileURLWithPath: name))
      print("kept: \(name)")
    }
    print(
      "next: wasmatrix-fuzz \(fuzz.target.rawValue) --seed \(seed) --first \(numbers[0]) --cases 1")
  }
}
