import ClusterModel
import ManifestYAML
import Testing

/// A small generator with a seed, so that a failing input can be made again.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

@Suite struct HostileManifestTests {
  private static let mebibyte = 1 << 20

  /// Repeats `unit` up to the largest size that is read.
  private static func flood(_ unit: String, before: String = "") -> String {
    before + String(repeating: unit, count: (mebibyte - before.utf8.count) / unit.utf8.count)
  }

  @Test(arguments: [
    "[", "{", "{{", "[{a: ", "- ", "? ", "-\n ", "{? ", "&a ", "*a ", "!t ", "\"", "'", "|\n", ": ",
    "a: ", "%", "---\n", "# ", "\n", " ", "\\", "]", "}", ",", "{a: ", "a\n", "[a: [", "? - ",
    "@", "`", "a: |\n ",
  ])
  func `a flood of one sign is refused`(unit: String) {
    let clock = ContinuousClock()
    let time = clock.measure { #expect(!problems(of: Self.flood(unit)).isEmpty) }
    #expect(time < .seconds(20))
  }

  @Test(arguments: ["[a,", "- a\n", "k: v\n", "a,", "? {a: b}\n"])
  func `a flood of values is refused`(unit: String) {
    let clock = ContinuousClock()
    let text = Self.flood(unit, before: unit.hasPrefix("a") ? "[" : "")
    let time = clock.measure { #expect(!problems(of: text).isEmpty) }
    #expect(time < .seconds(20))
  }

  @Test func `keys nested in keys cost no more than other text`() {
    let layers = 200
    let key =
      String(repeating: "{", count: layers) + "a: b" + String(repeating: "}: c", count: layers)
    let clock = ContinuousClock()
    let time = clock.measure { #expect(!problems(of: Self.flood("\(key)\n")).isEmpty) }
    #expect(time < .seconds(20))
  }

  @Test func `aliases do not multiply`() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
    for level in 1..<30 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 8).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    let told = problems(of: text)
    #expect(told.count == ManifestProblems.maximumCount)
    #expect(told.contains { $0.hasSuffix("a0: anchors (&name) are not supported") })
  }

  @Test func `a file longer than 1 MiB is refused and one as long is read`() {
    let valid = "{apiVersion: wasmatrix/v1, name: a, modules: {b: {version: 1}}}\n"
    let filling = String(repeating: "#", count: Self.mebibyte - valid.utf8.count)
    #expect(problems(of: valid + filling) == [])
    #expect(
      problems(of: valid + filling + "#")
        == ["app.yaml:1:1: the file is longer than 1MiB; allowed: at most 1MiB"])
  }

  @Test func `nesting is refused where it becomes too deep`() {
    func nested(_ depth: Int) -> String {
      "a: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(!problems(of: nested(21)).contains { $0.contains("nested too deeply") })
    #expect(
      problems(of: nested(22)).first?
        .hasPrefix("app.yaml:1:25: a\(String(repeating: "[0]", count: 21)): nested too")
        == true)
  }

  @Test func `bytes that are no UTF-8 are refused with their line`() throws {
    let error = try #require(
      #expect(throws: ManifestProblems.self) {
        try ManifestReader.read(Array("a: b\nc: ".utf8) + [0xc3, 0x28, 0x0a], file: "app.yaml")
      })
    #expect(
      error.description == "app.yaml:2:1: the file is not UTF-8 text; allowed: text in UTF-8")
  }

  @Test func `random and mutated files never crash the reader and problems are in order`() {
    let original = Array(ManifestReaderTests.full.utf8)
    let pieces = [
      "&a", "*a", "!t", "<<: ", "? ", ": ", "- ", "[", "]", "{", "}", "\"", "'", "|", ">", "#",
      "\n",
      "\t", "---\n", "...\n", "%YAML 1.2\n", "\\x00", "\u{0}", "\u{FEFF}", "~", ",", "\u{e9}", "  ",
    ].map { Array($0.utf8) }
    var readable = 0
    for seed in 0..<20_000 {
      var random = SplitMix(state: UInt64(seed))
      let bytes = Self.input(from: original, pieces: pieces, using: &random)
      do {
        _ = try ManifestReader.read(bytes, file: "app.yaml")
        readable += 1
      } catch {
        let places = error.problems.map { [$0.line, $0.column] }
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        let carriageReturns = bytes.count { $0 == 0x0d }
        #expect((1...50).contains(places.count), "seed \(seed)")
        #expect(
          zip(places, places.dropFirst()).allSatisfy { !$1.lexicographicallyPrecedes($0) },
          "seed \(seed)")
        #expect(
          places.allSatisfy {
            (1...lines.count + carriageReturns).contains($0[0]) && $0[1] >= 1
          },
          "seed \(seed)")
      }
    }
    #expect(readable > 100)  // Else the mutations were too coarse to reach the later steps.
  }

  private static func input(
    from original: [UInt8], pieces: [[UInt8]], using random: inout SplitMix
  ) -> [UInt8] {
    if Int.random(in: 0..<10, using: &random) == 0 {
      let length = Int.random(in: 0..<200, using: &random)
      return (0..<length).flatMap { _ in
        Bool.random(using: &random)
          ? pieces.randomElement(using: &random) ?? [] : [UInt8.random(in: 0...255, using: &random)]
      }
    }
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let start = Int.random(in: 0...bytes.count, using: &random)
      let end = min(bytes.count, start + Int.random(in: 0...6, using: &random))
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes.removeSubrange(start..<end)
      case 1: bytes.replaceSubrange(start..<end, with: pieces.randomElement(using: &random) ?? [])
      case 2: bytes.insert(contentsOf: bytes[start..<end], at: start)
      default:
        if start < bytes.count { bytes[start] = UInt8.random(in: 0...255, using: &random) }
      }
    }
    return bytes
  }
}
