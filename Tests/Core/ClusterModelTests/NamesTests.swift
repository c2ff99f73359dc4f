import ClusterModel
import PropertyTesting
import Testing

@Suite struct NamesTests {
  @Test(arguments: ["a", "a-b", "0", "el-nino-3", String(repeating: "x", count: 63)])
  func `a DNS label is a name`(text: String) { #expect(ModuleName.isValid(text)) }

  @Test(arguments: [
    "", "-a", "a-", "A", "a_b", "a.b", "é", "a/b", String(repeating: "x", count: 64),
  ])
  func `anything else is not`(text: String) {
    #expect(!ModuleName.isValid(text))
    #expect(throws: InvalidText.self) { try ModuleName(text) }
  }

  @Test func `versions keep to their rule`() {
    #expect(ModuleVersion.isValid("1.2.0-dev.0a1b2c+x_y"))
    #expect(!ModuleVersion.isValid("") && !ModuleVersion.isValid(".1"))
    #expect(!ModuleVersion.isValid("1/2") && !ModuleVersion.isValid("1 2"))
  }

  @Test(arguments: [
    ("a/b", "a/b", true), ("a/+", "a/b", true), ("a/+", "a/b/c", false), ("a/#", "a", true),
    ("a/#", "a/b/c", true), ("#", "a/b", true), ("#", "$sys/x", false), ("+/x", "$sys/x", false),
    ("$sys/#", "$sys/x", true), ("+", "", false), ("a/+", "a/", true), ("a", "a/", false),
    ("a/+/c", "a//c", true),
  ])
  func `a filter matches as in MQTT`(filter: String, topic: String, expected: Bool) throws {
    guard Topic.isValid(topic) else { return #expect(!expected) }
    #expect(try TopicFilter(filter).matches(try Topic(topic)) == expected)
  }

  @Test func `wildcards stand alone in their level`() {
    for text in ["a/b#", "#/a", "a+", "+a/b", "a\u{0}"] { #expect(!TopicFilter.isValid(text)) }
    for text in ["a/+", "a/#", ""] { #expect(!Topic.isValid(text)) }
  }

  @Test func `any bytes read back from their digits`() async throws {
    try await checkProperty(
      "hexadecimal reads back", cases: 200, Generator<[UInt8]>.bytes(count: 0...40)
    ) { bytes in Hexadecimal.decode(Hexadecimal.encode(bytes)) == bytes }
    #expect(Hexadecimal.decode("0") == nil && Hexadecimal.decode("0G") == nil)
  }
}
