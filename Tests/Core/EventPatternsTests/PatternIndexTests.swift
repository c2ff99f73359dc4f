import ClusterModel
import PropertyTesting
import Testing

@testable import EventPatterns

@Suite(.serialized) struct PatternIndexTests {
  typealias Subscription = PatternIndex<Int>.Subscription

  private static let subscription = Generator<Subscription> { choices in
    let json = choices.next(upTo: 5) == 0 ? nil : Generators.pattern.generate(&choices)
    return Subscription(
      id: Int(choices.next(upTo: 15)),
      namespace: Namespace(unchecked: choices.next(upTo: 7) == 7 ? "other" : "default"),
      filter: TopicFilter(unchecked: Generators.filter.generate(&choices)),
      // What the generator makes is valid, which its own property says.
      pattern: json.flatMap { try? EventPattern($0) })
  }

  /// Many on the same topic, so that they lie together.
  private static let crowd = Generator<[Subscription]> { choices in
    var subscriptions = subscription.array(count: 0...40).generate(&choices)
    if choices.next(upTo: 1) == 1 {
      for index in subscriptions.indices {
        subscriptions[index].filter = TopicFilter(unchecked: "#")
        subscriptions[index].namespace = .default
      }
    }
    return subscriptions
  }

  private static let content: Generator<(Event, JSONValue?)> = zip(
    Generators.event, Generators.data)
  private static let twoData: Generator<(JSONValue?, JSONValue?)> = zip(
    Generators.data, Generators.data)

  private static func naive(
    _ subscriptions: [Subscription], _ event: Event, _ data: JSONValue?
  ) -> [Int] {
    let matching = subscriptions.filter { subscription in
      subscription.namespace == event.namespace && subscription.filter.matches(event.topic)
        && (subscription.pattern?.matches(event, data: data) ?? true)
    }
    return Set(matching.map(\.id)).sorted()
  }

  @Test func `the index finds what a look at every subscription finds`() async throws {
    var found = 0
    try await checkProperty(
      "Feature: wasmatrix, Property 12: the index agrees with the evaluation of all patterns",
      cases: 1500,
      zip(Self.crowd, Self.content.array(count: 1...5))
    ) { (subscriptions: [Subscription], events: [(Event, JSONValue?)]) in
      let index = PatternIndex(subscriptions)
      for (event, data) in events {
        let matched = index.match(event, data: data)
        found += matched.count
        guard matched == Self.naive(subscriptions, event, data) else { return false }
      }
      return true
    }
    #expect(found > 1000, "only \(found)")
  }

  @Test func `data is needed where it can make a difference, and nowhere else`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 12: where no data is needed it changes nothing",
      cases: 1000, zip(Self.crowd, Generators.event, Self.twoData)
    ) { (subscriptions: [Subscription], event: Event, data: (JSONValue?, JSONValue?)) in
      let index = PatternIndex(subscriptions)
      let isNeeded = index.needsData(for: event.topic, in: event.namespace)
      let wants = subscriptions.contains { subscription in
        subscription.namespace == event.namespace && subscription.filter.matches(event.topic)
          && subscription.pattern?.usesData == true
      }
      return isNeeded == wants
        && (isNeeded || index.match(event, data: data.0) == index.match(event, data: data.1))
    }
  }

  @Test func `what was removed is not found any more, whatever came before`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 12: an index depends on the set of its subscriptions only",
      cases: 500,
      zip(Self.crowd, Generator<Int>.int(in: 0...15), Self.content)
    ) { (subscriptions: [Subscription], removed: Int, event: (Event, JSONValue?)) in
      let left = subscriptions.filter { $0.id != removed }
      let matched = PatternIndex(left).match(event.0, data: event.1)
      return !matched.contains(removed)
        && matched == PatternIndex(left.reversed()).match(event.0, data: event.1)
        && matched
          == PatternIndex(subscriptions).match(event.0, data: event.1).filter { $0 != removed }
    }
  }

  @Test func `topics are found as a look at every filter finds them`() async throws {
    let levels = ["a", "b", "$own", "", "e\u{301}", "\u{e9}", "\u{301}a"]
    let filters = Generator<String>.element(of: levels + ["+", "#"]).array(count: 1...4)
      .map { $0.joined(separator: "/") }.array(count: 0...20)
    let topics = Generator<String>.element(of: levels).array(count: 1...4)
      .map { $0.joined(separator: "/") }
    try await checkProperty(
      "Feature: wasmatrix, Property 12: the index agrees with TopicFilter.matches", cases: 2000,
      zip(filters, topics)
    ) { filters, topic in
      guard Topic.isValid(topic) else { return true }
      let subscriptions = filters.filter(TopicFilter.isValid).enumerated().map { index, filter in
        Subscription(
          id: index % 7, namespace: .default, filter: TopicFilter(unchecked: filter), pattern: nil)
      }
      let sample = event(topic: topic)
      return PatternIndex(subscriptions).match(sample, data: nil)
        == Self.naive(subscriptions, sample, nil)
    }
  }

  @Test func `thousands of prefixes of each other are found without a look at most`() throws {
    let texts = (1...1000).map { String(repeating: "a", count: $0) }
    let subscriptions = try texts.flatMap { text in
      try ["prefix", "suffix"].map { test in
        Subscription(
          id: text.utf8.count, namespace: .default, filter: TopicFilter(unchecked: "#"),
          pattern: try pattern(#"{"subject": [{"\#(test)": "\#(text)"}]}"#))
      }
    }
    let index = PatternIndex(subscriptions)
    let sample = event(subject: String(repeating: "a", count: 500) + "b")
    #expect(index.match(sample, data: nil) == Array(1...500))
    #expect(index.match(event(subject: "b" + texts[9]), data: nil) == Array(1...10))
  }
}
