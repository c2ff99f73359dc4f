import ClusterModel
import PropertyTesting
import Testing

@Suite struct TopicFilterTests {
  @Test func `filters match what a look at one level after the other matches`() async throws {
    // A few levels, so that matches are not rare; one begins with a combining mark.
    let plain = ["a", "b", "", "$own", "\u{301}b", "caf\u{e9}", "cafe\u{301}"]
    let filters = Generator<String>.element(of: plain + ["+", "+", "#"]).array(count: 1...4)
    let topics = Generator<String>.element(of: plain).array(count: 1...4)
    var matches = 0
    try await checkProperty(
      "TopicFilter.matches agrees with a naive reference", cases: 4000, zip(filters, topics)
    ) { wanted, given in
      guard let filter = try? TopicFilter(wanted.joined(separator: "/")),
        let topic = try? Topic(given.joined(separator: "/"))
      else { return true }
      let isOwn = given[0].utf8.first == UInt8(ascii: "$")
      let expected =
        !(isOwn && ["+", "#"].contains(wanted[0])) && Self.matches(wanted[...], given[...])
      matches += expected ? 1 : 0
      return filter.matches(topic) == expected
        && topic.levels.map { Array($0.utf8) } == given.map { Array($0.utf8) }
    }
    #expect(matches > 100)
  }

  @Test func `no wildcard reaches a topic of the platform, whatever follows the sign`() throws {
    let own = try Topic("$\u{301}sys/x")
    #expect(try !TopicFilter("#").matches(own))
    #expect(try !TopicFilter("+/x").matches(own))
    #expect(try TopicFilter("$\u{301}sys/#").matches(own))
  }

  private static func matches(_ wanted: ArraySlice<String>, _ given: ArraySlice<String>) -> Bool {
    switch (wanted.first, given.first) {
    case ("#", _), (nil, nil): true
    case (nil, _), (_, nil): false
    case (let level?, let other?):
      (level == "+" || Array(level.utf8) == Array(other.utf8))
        && matches(wanted.dropFirst(), given.dropFirst())
    }
  }
}
