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
    for text in ["30", "s", "-1s", "1.5s", "99999999999h"] {
      #expect(DurationArgument(argument: text) == nil)
    }
  }

  @Test func `data may begin with a dash`() throws {
    #expect(try DataOptions.parse(["--data", "-5"]).read() == Array("-5".utf8))
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
