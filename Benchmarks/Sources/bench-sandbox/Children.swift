import ArgumentParser
import CSandbox
import Foundation
import HostPorts
@_spi(Measuring) import WasmtimeEngine

/// What is done in a process of its own: where all of it counts, or is counted.
enum Child: String, ExpressibleByArgument {
  case swiftRuns, swiftAwaited, cRuns, swiftSuspended, swiftSuspendedAwaited, cSuspended

  /// Does it and prints what came of it.
  func run(guest: String, count: Int) async throws {
    let bytes = try Guest.file(guest)
    let activation = SwiftSandbox.activation(Guest.input)
    switch self {
    case .swiftRuns:
      let swift = try SwiftSandbox(workers: 1)
      let starter = swift.engine.starter(of: try swift.module(bytes))
      try await Self.twice(count) {
        _ = try await swift.runOnWorker(activation, $0, isPinned: false) { starter }
      }
    case .swiftAwaited:
      let swift = try SwiftSandbox(workers: 1)
      let module = try swift.module(bytes)
      try await Self.twice(count) { _ = try await swift.runAwaited(module, activation, $0) }
    case .cRuns:
      let swift = try SwiftSandbox(workers: 1)
      let module = CEngine(like: swift).module(bytes, cs_way_fiber)
      try await Self.twice(count) { _ = try module.run(Guest.input, $0, isPinned: false) }
    case .swiftSuspended: try await suspendInSwift(bytes, count, awaited: false)
    case .swiftSuspendedAwaited: try await suspendInSwift(bytes, count, awaited: true)
    case .cSuspended: try suspendInC(bytes, count)
    }
    // What an orderly end gives back would be counted, some times more of it, some times less.
    _exit(0)
  }

  /// Does it so many times to warm up, and so many times again between two calls of the system that nothing else makes.
  private static func twice(_ count: Int, _ run: (Int) async throws -> Void) async throws {
    for _ in 0..<2 {
      // In parts, so that what keeps the times does not grow with their number.
      for done in stride(from: 0, to: count, by: 500) { try await run(min(500, count - done)) }
      _ = getppid()
    }
  }

  private func suspendInSwift(_ bytes: [UInt8], _ count: Int, awaited: Bool) async throws {
    let swift = try SwiftSandbox(workers: 1, slots: count + 64)
    let module = try swift.module(bytes)
    let starter = swift.engine.starter(of: module)
    let sleep = SwiftSandbox.activation(Array("3600000".utf8))
    try await withThrowingTaskGroup(of: Void.self) { group in
      func suspend(_ more: Int, all: Int) async throws {
        for _ in 0..<more {
          if awaited {
            group.addTask { _ = await module.run(sleep) }
          } else {
            starter.start(sleep) { _ in }
          }
        }
        while swift.engine.facts.liveInstances < all { try await Task.sleep(for: .milliseconds(5)) }
        // The last of them is on its way to its first wait.
        try await Task.sleep(for: .milliseconds(300))
      }
      try await suspend(8, all: 8)
      let before = try Footprint()
      try await suspend(count, all: count + 8)
      print(try Footprint().text(since: before, count))
      fflush(nil)
      _exit(0)
    }
  }

  private func suspendInC(_ bytes: [UInt8], _ count: Int) throws {
    let module = CEngine(slots: count + 64).module(bytes, cs_way_fiber)
    cs_suspend(module.pointer, 8)
    let before = try Footprint()
    cs_suspend(module.pointer, count)
    print(try Footprint().text(since: before, count))
    fflush(nil)
  }

  /// Starts this program as that child, and gives what it printed.
  static func start(
    _ child: Child, guest: String, count: Int, under prefix: [String] = []
  ) throws -> String {
    let process = Process()
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let arguments =
      prefix + [program, "--child", child.rawValue, "--guest", guest, "--count", "\(count)"]
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw MeasuringFailed("\(arguments.joined(separator: " ")) failed")
    }
    return String(decoding: output, as: UTF8.self)
  }
}

/// What the process takes of the machine's memory.
struct Footprint {
  /// KiB.
  let resident: Int
  let pageTables: Int
  let mappings: Int

  init() throws {
    resident = try Self.kibibytes("Rss", in: "/proc/self/smaps_rollup")
    pageTables = try Self.kibibytes("VmPTE", in: "/proc/self/status")
    mappings =
      try FileHandle(forReadingFrom: URL(filePath: "/proc/self/maps")).readToEnd()?
      .count { $0 == UInt8(ascii: "\n") } ?? 0
  }

  private static func kibibytes(_ name: String, in path: String) throws -> Int {
    for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    where line.hasPrefix(name + ":") {
      if let number = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) {
        return number
      }
    }
    throw MeasuringFailed("\(path) does not say \(name)")
  }

  /// Bytes and mappings for each of `count`: resident, page tables, mappings.
  func text(since before: Footprint, _ count: Int) -> String {
    let bytes = [resident - before.resident, pageTables - before.pageTables].map {
      "\($0 * 1024 / count)"
    }
    return (bytes + ["\(Double(mappings - before.mappings) / Double(count))"])
      .joined(separator: " ")
  }
}
