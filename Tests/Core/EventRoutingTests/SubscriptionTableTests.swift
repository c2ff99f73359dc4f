import ClusterModel
import PropertyTesting
import Testing

@testable import EventRouting

@Suite struct SubscriptionTableTests {
  @Test func `the table finds what a look at every filter finds`() async throws {
    let level = Generator<String>.element(of: [
      "a", "b", "$own", "", "e\u{301}", "\u{e9}", "\u{301}a", "+", "#",
    ])
    let filters = level.array(count: 1...4).map { $0.joined(separator: "/") }
      .array(count: 0...20)
    let topics = Generator<String>.element(of: [
      "a", "b", "$own", "", "e\u{301}", "\u{e9}", "\u{301}a",
    ]).array(count: 1...4)
      .map { $0.joined(separator: "/") }
    try await checkProperty(
      "the table agrees with TopicFilter.matches", cases: 2000, zip(filters, topics)
    ) { texts, topicText in
      guard Topic.isValid(topicText) else { return true }
      let topic = Topic(unchecked: topicText)
      let subscriptions = texts.filter(TopicFilter.isValid).enumerated().map { index, text in
        (
          module: QualifiedName(.default, ModuleName(unchecked: "m\(index % 7)")),
          filter: TopicFilter(unchecked: text)
        )
      }
      let naive = Set(subscriptions.filter { $0.filter.matches(topic) }.map(\.module.name))
      let table = SubscriptionTable(subscriptions)
      return table.modules(for: topic, in: .default) == naive.sorted()
        && table.modules(for: topic, in: Namespace(unchecked: "other")).isEmpty
    }
  }
}
