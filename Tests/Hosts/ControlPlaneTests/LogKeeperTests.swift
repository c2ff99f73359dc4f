import ClusterModel
import HostPorts
import Testing

@testable import NodeAgent

@Suite struct LogKeeperTests {
  private let module = QualifiedName(.default, ModuleName(unchecked: "m"))

  private func line(_ text: String = "", at microseconds: Int64 = 0) -> LogLine {
    LogLine(
      at: WallInstant(microseconds: microseconds), module: module.name,
      version: ModuleVersion(unchecked: "1"), eventID: "e", text: text)
  }

  @Test func `a flood of short lines takes bounded memory, and the newest stay`() {
    let logs = LogKeeper()
    for number in 0..<20 {
      let flood = Array(String(repeating: "x\n", count: 10_000).utf8) + Array("end \(number)".utf8)
      logs.keep(flood, isCut: false, of: module, as: line())
    }
    let kept = logs.lines(of: module)
    #expect(kept.count <= 1 << 13)
    #expect(kept.count > 1000)
    #expect(kept.last?.text == "end 19")
  }

  @Test func `a line that is too long and bytes that are no text do no harm`() {
    let logs = LogKeeper()
    logs.keep(
      [UInt8](repeating: 0x61, count: 100_000) + [0x0a, 0xff, 0xfe, 0x0a, 0x0a], isCut: true,
      of: module, as: line())
    let kept = logs.lines(of: module)
    #expect(kept.count == 3)
    #expect(kept.first?.text.count == 8192)
    #expect(kept.last?.text.contains("over its limit") == true)
  }

  @Test func `a follower gets what is kept, then what comes, until the end`() async throws {
    let logs = LogKeeper()
    logs.keep(Array("one\n".utf8), isCut: false, of: module, as: line())
    let stream = try logs.follow(module)
    logs.keep(Array("two\n".utf8), isCut: false, of: module, as: line())
    let other = QualifiedName(.default, ModuleName(unchecked: "other"))
    logs.keep(Array("not this\n".utf8), isCut: false, of: other, as: line())
    logs.finish()
    var texts: [String] = []
    for await line in stream { texts.append(line.text) }
    #expect(texts == ["one", "two"])
  }

  @Test func `followers are bounded, and one that leaves makes room`() throws {
    let logs = LogKeeper()
    var streams: [AsyncStream<LogLine>] = []
    for _ in 0..<64 { streams.append(try logs.follow(module)) }
    #expect(throws: Problem.self) { try logs.follow(module) }
    streams.removeLast()
    #expect(throws: Never.self) { try logs.follow(module) }
  }

  @Test func `the logs of many modules are bounded, and the one silent longest goes`() {
    let logs = LogKeeper()
    let names = (0...1000).map {
      QualifiedName(.default, ModuleName(unchecked: "m\($0)"))
    }
    for (number, name) in names.enumerated() {
      // The second module speaks last.
      logs.keep([0x61], isCut: false, of: name, as: line(at: number == 1 ? 5000 : Int64(number)))
    }
    #expect(logs.lines(of: names[0]).isEmpty)
    #expect(logs.lines(of: names[1]).count == 1)
    #expect(logs.lines(of: names[1000]).count == 1)
  }
}
