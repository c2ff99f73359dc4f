import ArgumentParser
import ClusterModel
import NodeTracking
import Testing

@testable import wasmatrix

struct ArgumentTests {
  @Test(arguments: [
    ("127.0.0.1:8080", true), ("localhost:0", true), ("[::1]:80", true), ("127.9.9.9:1", true),
    ("0.0.0.0:8080", false), ("10.0.0.1:1", false), ("127.0.0.1.example.org:1", false),
    ("127.0.0.1.5:1", false),
    ("[::]:80", false),
  ])
  func `only loopback addresses count as such`(text: String, loopback: Bool) throws {
    #expect(try #require(ListenAddress(argument: text)).isLoopback == loopback)
  }

  @Test(arguments: ["", "8080", ":8080", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "a:-1"])
  func `what is no address is refused`(text: String) {
    #expect(ListenAddress(argument: text) == nil)
  }

  @Test func `durations have units`() {
    #expect(DurationArgument(argument: "500ms")?.duration == .milliseconds(500))
    #expect(DurationArgument(argument: "30s")?.duration == .seconds(30))
    #expect(DurationArgument(argument: "2m")?.duration == .seconds(120))
    #expect(DurationArgument(argument: "7d")?.duration == .seconds(7 * 86_400))
    for text in ["30", "s", "-1s", "1.5s", "99999999999h"] {
      #expect(DurationArgument(argument: text) == nil)
    }
  }

  @Test func `data may begin with a dash`() throws {
    #expect(try DataOptions.parse(["--data", "-5"]).read() == Array("-5".utf8))
  }

  @Test func `a token is for a user or lets a node join, not both`() {
    for arguments in [
      [], ["--role", "viewer"], ["--name", "ci"], ["--join", "--name", "ci"],
      ["--join", "--role", "viewer"], ["--role", "viewer", "--name", "ci", "--node", "edge-1"],
      ["--role", "king", "--name", "ci"], ["--role", "viewer", "--name", "No"],
      ["--join", "--expires", "0s"],
    ] {
      #expect(throws: (any Error).self) { try TokenVerb.Create.parse(arguments) }
    }
    #expect(throws: Never.self) {
      _ = try TokenVerb.Create.parse(["--join", "--node", "edge-1", "--expires", "10m"])
      _ = try TokenVerb.Create.parse(["--role", "admin", "--name", "ci"])
    }
  }

  @Test(arguments: [
    ["--certificate-life", "1s"], ["--certificate-life", "91d"], ["--certificate-grace", "91d"],
  ])
  func `certificates hold within bounds`(_ arguments: [String]) {
    #expect(throws: (any Error).self) { try DevVerb.parse(arguments) }
  }

  @Test func `how agents beat is said where there are agents`() throws {
    let rhythm = ["--heartbeat-interval", "20ms"]
    #expect(throws: (any Error).self) { try DevVerb.parse(rhythm) }
    #expect(try DevVerb.parse(rhythm + ["--nodes", "2"]).nodes == 2)
    #expect(try DevVerb.parse([]).nodes == nil)
  }

  @Test func `without options heartbeats are those of each node`() throws {
    let rules = try HeartbeatOptions.parse([]).rules(of: .realTime)
    #expect(rules == .datagrams(.realTime))
    #expect(rules.heartbeatInterval == .milliseconds(5))
    #expect(rules.ordinary?.heartbeatInterval == .milliseconds(10))
  }

  @Test(arguments: HeartbeatPunctuality.allCases)
  func `an interval and a ceiling count for all nodes`(punctuality: HeartbeatPunctuality) throws {
    let rules = try HeartbeatOptions.parse([
      "--heartbeat-interval", "50ms", "--heartbeat-ceiling", "2s",
    ]).rules(of: punctuality)
    #expect(rules.heartbeatInterval == .milliseconds(50))
    #expect(rules.ordinary?.heartbeatInterval ?? .milliseconds(50) == .milliseconds(50))
    #expect(rules.heartbeatCeiling == .seconds(2))
  }

  @Test(arguments: [
    ["--heartbeat-interval", "0ms"], ["--heartbeat-interval", "61s"],
    ["--heartbeats-per-second", "0"], ["--heartbeat-ceiling", "49ms"],
    ["--heartbeat-ceiling", "2h"],
  ])
  func `heartbeats keep to their bounds`(_ arguments: [String]) {
    #expect(throws: (any Error).self) { try HeartbeatOptions.parse(arguments) }
    #expect(throws: (any Error).self) { try ControlVerb.parse(arguments) }
    #expect(throws: (any Error).self) { try DevVerb.parse(["--nodes", "2"] + arguments) }
  }

  @Test func `a ceiling that is too low is told the least for the interval`() {
    do {
      _ = try HeartbeatOptions.parse([
        "--heartbeat-interval", "50ms", "--heartbeat-ceiling", "249ms",
      ])
      Issue.record("it is taken")
    } catch {
      #expect(
        HeartbeatOptions.message(for: error).contains(
          "--heartbeat-ceiling is 250ms to 50000ms, which are 5 heartbeat intervals and 1000"))
    }
  }

  @Test func `every verb shows an example`() {
    var commands: [any ParsableCommand.Type] = [Wasmatrix.self]
    while let command = commands.popLast() {
      commands += command.configuration.subcommands
      guard command != Wasmatrix.self else { continue }
      #expect(command.configuration.discussion.contains("EXAMPLE"), "\(command)")
    }
  }
}
