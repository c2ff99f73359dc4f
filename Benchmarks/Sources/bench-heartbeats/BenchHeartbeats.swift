import ArgumentParser
import DedicatedThreads
import Foundation
import HeartbeatLink
import ProcessWatching

/// Heartbeats between two processes: false alarms, and how soon silence and death are known.
@main
struct BenchHeartbeats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-heartbeats",
    abstract: "Measures false alarms, and how soon silence and death are known.",
    subcommands: [Measure.self, AgentChild.self, BurnChild.self], defaultSubcommand: Measure.self)
}

struct Measure: ParsableCommand {
  @Option(help: "Minutes of full load for each setting.")
  var minutes = 1.0

  @Option(
    help: "Intervals in milliseconds, with commas between; default: that of the rules, 5 or 10.")
  var intervals: String?

  @Option(help: "How often an agent is stopped in each setting.")
  var stops = 100

  @Option(help: "How often an agent is killed in each setting.")
  var kills = 20

  @Option(help: "Processes that use the processors; default: twice as many as there are.")
  var burners: Int?

  @Option(help: "What is measured, with commas between: calm, stop, kill.")
  var parts = "calm,stop,kill"

  @Option(help: "Where wasmatrix-watcher is; default: beside this program.")
  var watcher: String?

  @Flag(help: "Only as everything else is scheduled.")
  var ordinary = false

  @Option(help: "Write what was measured there.")
  var json: String?

  struct Report: Encodable {
    var calm: [Calm] = []
    var stopping: [Stopping] = []
    var killing: [Killing] = []
  }

  func run() throws {
    let wanted = (intervals ?? "0").split(separator: ",").compactMap { Int($0) }
    guard !wanted.isEmpty, intervals == nil || wanted.allSatisfy((1...1000).contains) else {
      throw ValidationError("intervals are 1 to 1000 ms")
    }
    let burners = burners ?? 2 * ProcessInfo.processInfo.activeProcessorCount
    print("scheduling: \(HeartbeatScheduling.probe())")
    var report = Report()
    let scheduling = ordinary ? [false] : [true, false]
    for interval in wanted {
      for isRealTime in scheduling {
        for load in [0, burners] {
          try measure(
            Setting(interval, isRealTime: isRealTime, burners: load), &report)
        }
      }
    }
    if parts.contains("kill") { try kill(burners, &report) }
    if let json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(report).write(to: URL(filePath: json))
    }
  }

  private func measure(_ setting: Setting, _ report: inout Report) throws {
    if parts.contains("calm"), setting.burners > 0 {
      let calm = try Calm(setting, seconds: max(1, Int(minutes * 60)))
      say("calm" + calm.text)
      report.calm.append(calm)
    }
    if parts.contains("stop") {
      let stopping = try Stopping(setting, stops: stops)
      say("stop" + stopping.text)
      report.stopping.append(stopping)
    }
  }

  private func kill(_ burners: Int, _ report: inout Report) throws {
    for isRealTime in ordinary ? [false] : [true, false] {
      for (megabytes, load) in [(10, 0), (1024, 0), (1024, burners)] {
        let killing = try Killing(
          Setting(0, isRealTime: isRealTime, burners: load),
          residentMegabytes: megabytes, kills: kills,
          watcher: watcher ?? Watcher.programBesideThis)
        say("kill" + killing.text)
        report.killing.append(killing)
      }
    }
  }

  /// To be seen as it comes, also in a file.
  private func say(_ text: String) {
    print(text)
    fflush(nil)
  }
}
