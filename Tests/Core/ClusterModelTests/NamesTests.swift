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

  @Test func `topics and filters keep to their rule`() {
    let longest = String(repeating: "x", count: 512)
    #expect(Topic.isValid(longest) && TopicFilter.isValid(longest))
    #expect(!Topic.isValid(longest + "x") && !TopicFilter.isValid(longest + "x"))
    #expect(Topic.isValid(" ") && TopicFilter.isValid(" "))
    for bad in ["\u{1f}", "a\u{7f}", ""] {
      #expect(!Topic.isValid(bad) && !TopicFilter.isValid(bad))
    }
  }

  @Test func `attributes of events keep to their rules`() {
    #expect(EventRules.isExtensionName(String(repeating: "x", count: 20)))
    #expect(EventRules.isExtensionName("a1"))
    for bad in ["", "data", "id", "time", "A", "a-b", String(repeating: "x", count: 21)] {
      #expect(!EventRules.isExtensionName(bad), "\(bad)")
    }
    #expect(EventRules.isAttributeValue(" "))
    #expect(EventRules.isAttributeValue(String(repeating: "x", count: 1024)))
    for bad in ["", "a\u{1f}", "\u{7f}", "\u{9f}", String(repeating: "x", count: 1025)] {
      #expect(!EventRules.isAttributeValue(bad))
    }
    #expect(EventRules.isAttributeValue("\u{a0}"))
  }

  @Test func `what has no order is kept sorted by name`() {
    let variables = ["b", "a", "c"].map { EnvironmentVariable(name: $0, value: "1") }
    let configuration = DeploymentConfiguration(environment: variables)
    #expect(configuration.environment.map(\.name) == ["a", "b", "c"])
  }

  @Test func `an attribute is set, replaced, and taken away`() {
    var event = Event(
      id: "1", source: "/s", type: "t", topic: Topic(unchecked: "t"),
      extensions: [
        Event.Attribute(name: "c", value: "3"), Event.Attribute(name: "a", value: "1"),
      ])
    event.setAttribute("b", to: "2")
    #expect(event.extensions.map(\.name) == ["a", "b", "c"])
    event.setAttribute("b", to: "4")
    #expect(event.extensions.map(\.value) == ["1", "4", "3"])
    event.setAttribute("d", to: "5")
    event.setAttribute("a", to: nil)
    #expect(event.extensions.map(\.name) == ["b", "c", "d"])
    #expect(event.attribute("c") == "3")
    #expect(event.attribute("a") == nil)
  }

  @Test func `an event counts for all that it brings along`() {
    func footprint(_ change: (inout Event) -> Void) -> Int {
      var event = Event(id: "1", source: "/s", type: "t", topic: Topic(unchecked: "t"))
      change(&event)
      return event.footprint.bytes
    }
    #expect(footprint { _ in } == 128 + 5)
    #expect(footprint { $0.data = [1, 2, 3] } == 128 + 5 + 3)
    #expect(footprint { $0.setAttribute("ab", to: "é") } == 128 + 5 + 4)
    #expect(footprint { $0.topic = Topic(unchecked: "abc") } == 128 + 5 + 2)
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
