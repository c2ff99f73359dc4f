import ClusterModel
import PropertyTesting
import Testing

@testable import EventPatterns

@Suite struct MatchingWorkTests {
  private static func tests(_ count: Int, _ test: (Int) -> JSONValue) throws -> EventPattern {
    try EventPattern(.object(["data": .array((0..<count).map(test))]))
  }

  private static let numbers = JSONValue.array(
    (0..<PatternData.maximumValues - 1).map { .integer(Int64($0)) })

  /// Ranges that nothing is in, so that all of them are tried on all of it.
  private static func range(_ index: Int) -> JSONValue {
    .object(["numeric": .array([.string("<"), .integer(-1 - Int64(index))])])
  }

  @Test func `ten tests fit on the largest event, and all of a pattern do not`() throws {
    var work = MatchingWork()
    let few = try Self.tests(10, Self.range)
    #expect(try few.root.matches(.event(event(), data: Self.numbers), &work) == false)
    let many = try Self.tests(EventPattern.maximumTests, Self.range)
    var spent = MatchingWork()
    #expect(throws: WorkExceeded.self) {
      try many.root.matches(.event(event(), data: Self.numbers), &spent)
    }
    #expect(!many.matches(event(), data: Self.numbers))
  }

  @Test func `a text that is read to its end again and again costs by its length`() throws {
    let text = JSONValue.string(String(repeating: "a", count: PatternData.maximumSize.bytes))
    let stars = try Self.tests(100) { .object(["wildcard": .string("*b\($0)*")]) }
    var work = MatchingWork()
    #expect(throws: WorkExceeded.self) {
      try stars.root.matches(.event(event(), data: text), &work)
    }
  }

  @Test func `who asks for too much does not get it, others do, and it is counted`() throws {
    typealias Subscription = PatternIndex<Int>.Subscription
    let exists = try EventPattern(.object(["data": .array([.object(["exists": .bool(true)])])]))
    // It is looked at because of what it excludes.
    let greedy = try Self.tests(EventPattern.maximumTests - 1) { index in
      index == 0 ? .object(["anything-but": Self.numbersBut]) : Self.range(index)
    }
    let index = PatternIndex([
      Subscription(
        id: 1, namespace: .default, filter: TopicFilter(unchecked: "#"), pattern: greedy),
      Subscription(
        id: 2, namespace: .default, filter: TopicFilter(unchecked: "#"), pattern: exists),
    ])
    var exceeded = 0
    let repeated = JSONValue.array(
      Array(repeating: .integer(7), count: PatternData.maximumValues - 1))
    #expect(index.match(event(), data: repeated, exceeded: &exceeded) == [2])
    #expect(exceeded == 1)
    exceeded = 0
    #expect(index.match(event(), data: .integer(8), exceeded: &exceeded) == [1, 2])
    #expect(exceeded == 0)
  }

  private static let numbersBut = JSONValue.integer(7)

  // Feature: wasmatrix, Property 12: patterns of any shape take bounded work on events of any size
  @Test func `whatever the pattern and the event, the work ends within its budget`() async throws {
    let shape = zip(
      Generator<Int>.int(in: 1...EventPattern.maximumTests), Generator<Int>.int(in: 0...4000),
      Generator<Int>.int(in: 0...3))
    try await checkProperty(
      "Feature: wasmatrix, Property 12: the work of a pattern is bounded", cases: 100, shape
    ) { count, values, kind in
      let pattern = try Self.tests(count) { index in
        switch kind {
        case 0: Self.range(index)
        case 1: .object(["suffix": .string("z\(index)")])
        case 2: .object(["equals-ignore-case": .string("z\(index)")])
        case _: .object(["wildcard": .string("*z\(index)*z")])
        }
      }
      let value: JSONValue = kind == 0 ? .integer(1) : .string(String(repeating: "y", count: 60))
      let data = JSONValue.array(Array(repeating: value, count: values))
      var work = MatchingWork()
      let steps = count * values
      do throws(WorkExceeded) {
        let isMatch = try pattern.root.matches(.event(event(), data: data), &work)
        return !isMatch && steps <= MatchingWork.maximum
      } catch {
        return steps + 2 * count + 1 > MatchingWork.maximum
      }
    }
  }
}
