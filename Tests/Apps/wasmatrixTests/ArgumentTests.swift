import ArgumentParser
import ClusterModel
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

  @Test func `every verb shows an example`() {
    var commands: [any ParsableCommand.Type] = [Wasmatrix.self]
    while let command = commands.popLast() {
      commands += command.configuration.subcommands
      guard command != Wasmatrix.self else { continue }
      #expect(command.configuration.discussion.contains("EXAMPLE"), "\(command)")
    }
  }
}
