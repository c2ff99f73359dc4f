import ArgumentParser
import Foundation
import Measuring

/// A fleet of processes of the program itself: how soon others take over, what an invocation costs on its
/// way, how soon changes are there.
@main
struct BenchFleet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-fleet",
    abstract: "Measures a fleet of processes: taking over, invocations, changes.",
    subcommands: [Measure.self, Burn.self, Echo.self, PingPongChild.self],
    defaultSubcommand: Measure.self)
}

struct Measure: AsyncParsableCommand {
  @Option(help: "The program.")
  var program = ".build/release/wasmatrix"

  @Option(help: "Where its guests are.")
  var guests = "Benchmarks/.build/guests"

  @Option(
    help: "What is measured, with commas between: invoking, registering, deploying, losing, alarms."
  )
  var parts = "invoking,registering,deploying,losing"

  @Option(help: "Which losses, with commas between; default: all.")
  var losses = Loss.allCases.map(\.rawValue).joined(separator: ",")

  @Option(help: "How many placements are lost with it, with commas between: 1, 100, 1000.")
  var placements = "1,100,1000"

  @Option(help: "How often a node is lost in the cell of the 99th percentile.")
  var many = 2000

  @Option(help: "How often in each other cell.")
  var few = 200

  @Option(help: "Minutes of full load in which nothing is lost, for the part `alarms`.")
  var minutes = 60.0

  @Flag(help: "The part `alarms` as everything else is scheduled, not in real time.")
  var ordinary = false

  @Flag(help: "A few of everything, to see that it works.")
  var quick = false

  @Flag(help: "Losses only while other processes use the processors, in real time and not.")
  var loaded = false

  @Option(help: "Add every sample to this file, as a line of JSON for each cell.")
  var samples: String?

  func run() async throws {
    let folder = FileManager.default.currentDirectoryPath
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }
    let setting = Setting(
      program: absolute(program), folder: "\(folder)/Benchmarks/.build/fleet-\(getpid())",
      guests: absolute(guests))
    if parts.contains("invoking") {
      let invoking = try Invoking(quick ? 1000 : 20_000, setting)
      say(invoking.text)
      try keep("invoking", invoking)
    }
    if parts.contains("registering") {
      let registering = try Registering(quick ? 20 : many, setting)
      say(registering.text)
      try keep("registering", registering)
    }
    if parts.contains("deploying") {
      let deploying = try await Deploying(
        scalings: quick ? 2 : 10, rollbacks: quick ? 20 : many, seconds: quick ? 3 : 30, setting)
      say(deploying.text)
      try keep("deploying", deploying)
    }
    if parts.contains("losing") { try lose(setting) }
    if parts.contains("alarms") {
      let alarms = try Alarms(
        minutes: quick ? 0.1 : minutes, burners: Self.burners, isRealTime: !ordinary, setting)
      say(Alarms.header + "\n" + alarms.text)
      try keep("alarms", alarms)
    }
  }

  private func lose(_ setting: Setting) throws {
    say(TakingOver.header)
    for wish in wishes {
      let cell = try TakingOver(wish, setting)
      say(cell.text)
      try keep("losing", cell)
    }
  }

  private static var burners: Int { 2 * ProcessInfo.processInfo.activeProcessorCount }

  private var wishes: [TakingOver.Wish] {
    let (many, few) = quick ? (5, 3) : (many, few)
    let burners = loaded ? Self.burners : 0
    var wishes: [TakingOver.Wish] = []
    let wanted = losses.split(separator: ",").compactMap { Loss(rawValue: String($0)) }
    let sizes = placements.split(separator: ",").compactMap { Int($0) }
    for isRealTime in loaded ? [true, false] : [true] {
      func add(_ loss: Loss, _ placements: Int, _ ballast: Int, _ count: Int) {
        guard wanted.contains(loss), sizes.contains(placements), count > 0 else { return }
        wishes.append(
          TakingOver.Wish(
            loss: loss, placements: placements, ballastMebibytes: ballast, losses: count,
            burners: burners, isRealTime: isRealTime))
      }
      add(.kill, 1, 0, many)
      add(.kill, 1, 100, few)
      add(.kill, 1, 1000, few)
      for placements in [100, 1000] { add(.kill, placements, 0, few) }
      for loss in [Loss.abort, .trap, .outOfMemory] { add(loss, 1, 0, few) }
      for loss in [Loss.stop, .partition, .deaf] {
        for placements in [1, 100, 1000] { add(loss, placements, 0, few) }
      }
    }
    return wishes.filter { $0.loss != .outOfMemory || MemoryGroup.isPermitted }
  }

  private struct Line<Cell: Encodable>: Encodable {
    var part: String
    var cell: Cell
  }

  private func keep(_ part: String, _ cell: some Encodable) throws {
    guard let samples else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var line = try encoder.encode(Line(part: part, cell: cell))
    line.append(UInt8(ascii: "\n"))
    if !FileManager.default.fileExists(atPath: samples) {
      _ = FileManager.default.createFile(atPath: samples, contents: nil)
    }
    let file = try FileHandle(forWritingTo: URL(filePath: samples))
    try file.seekToEnd()
    try file.write(contentsOf: line)
    try file.close()
  }

  /// To be seen as it comes, also in a file.
  private func say(_ text: String) {
    print(text)
    fflush(nil)
  }
}

/// A process that uses a processor and does nothing else.
struct Burn: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "burn", shouldDisplay: false)

  func run() {
    var number: UInt64 = 1
    while true {
      number = number &* 6_364_136_223_846_793_005 &+ 1
      if number == 0 { print(number) }
    }
  }
}

struct Echo: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "echo", shouldDisplay: false)
  func run() { EchoServer.serve() }
}

struct PingPongChild: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ping-pong", shouldDisplay: false)
  @Argument var port: Int
  func run() async throws { try await PingPongService.serve(port: port) }
}
