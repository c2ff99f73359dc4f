import ClusterModel
import Testing

@testable import EventRouting

// That the index finds the right ones is a property of `EventPatternsTests`.
@Suite struct SubscriptionTableTests {
  private func trigger(_ filter: String, _ field: String? = nil) throws -> Trigger {
    let tests = JSONValue.array([.integer(1)])
    return Trigger(
      topic: TopicFilter(unchecked: filter),
      pattern: try field.map { try EventPattern(.object(["data": .object([$0: tests])])) })
  }

  private func name(_ text: String, in namespace: Namespace = .default) -> QualifiedName {
    QualifiedName(namespace, ModuleName(unchecked: text))
  }

  @Test func `a module gets an event once, however many of its triggers match`() throws {
    let table = SubscriptionTable([
      (name("b"), try trigger("x/#")), (name("b"), try trigger("x/+")),
      (name("a"), try trigger("x/y", "n")), (name("a"), try trigger("#", "m")),
    ])
    let data = JSONValue.object(["n": .integer(1), "m": .integer(1)])
    #expect(table.modules(for: event("x/y"), data: data).map(\.text) == ["a", "b"])
    #expect(table.modules(for: event("x/y"), data: nil).map(\.text) == ["b"])
  }

  @Test func `namespaces do not see each other's events, and ask for no data of theirs`() throws {
    let other = Namespace(unchecked: "other")
    let table = SubscriptionTable([(name("a", in: other), try trigger("x", "n"))])
    let topic = Topic(unchecked: "x")
    #expect(table.modules(for: event("x"), data: .object(["n": .integer(1)])).isEmpty)
    #expect(!table.needsData(for: topic, in: .default))
    #expect(table.needsData(for: topic, in: other))
    #expect(!table.needsData(for: Topic(unchecked: "y"), in: other))
  }
}
