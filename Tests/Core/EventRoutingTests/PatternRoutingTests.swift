import ClusterModel
import Testing

@testable import EventRouting

@Suite struct PatternRoutingTests {
  private func wanting(_ field: String, _ name: String, on filter: String) throws
    -> RoutedDeployment
  {
    var deployment = routed(name, on: filter)
    deployment.configuration.triggers[0].pattern = try EventPattern(
      .object(["data": .object([field: .array([.integer(1)])])]))
    return deployment
  }

  private let data = JSONValue.object(["n": .integer(1)])

  @Test func `an event goes to those whose pattern its data matches`() throws {
    var script = RouterScript()
    _ = script.handle(
      .deploymentsChanged([try wanting("n", "a", on: "x"), try wanting("m", "b", on: "x")]))
    #expect(
      script.handle(.eventReceived(RequestID(1), event("x"), data: data, .local))
        == ["append for [\"a\"]"])
    #expect(
      script.handle(.eventReceived(RequestID(2), event("x"), data: nil, .local))
        == ["append for []"])
  }

  @Test func `a result goes to those whose pattern it matches`() throws {
    for (data, targets) in [(data, ["b"]), (nil, [])] {
      var script = RouterScript()
      _ = script.handle(
        .deploymentsChanged([routed("a", on: "x", result: "y"), try wanting("n", "b", on: "y")]))
      _ = script.owe(1, "x")
      _ = script.handle(
        .activationFinished(DeliveryID(1), event: event("x"), .success([1]), data: data))
      guard case .succeeded(_, let effects) = try #require(script.changes.last).outcome,
        let published = effects.events.first
      else {
        Issue.record("nothing is published")
        return
      }
      #expect(published.targets.map(\.text) == targets)
    }
  }

  @Test func `data is asked for where a pattern looks at it`() throws {
    var script = RouterScript()
    let results = QualifiedName(.default, ModuleName(unchecked: "a"))
    _ = script.handle(.deploymentsChanged([routed("a", on: "x", result: "y")]))
    #expect(!script.router.needsData(of: event("x")))
    #expect(!script.router.needsData(ofResultsOf: results))
    _ = script.handle(
      .deploymentsChanged([routed("a", on: "x", result: "y"), try wanting("n", "b", on: "y")]))
    #expect(!script.router.needsData(of: event("x")))
    #expect(script.router.needsData(of: event("y")))
    #expect(script.router.needsData(ofResultsOf: results))
    #expect(
      !script.router.needsData(ofResultsOf: QualifiedName(.default, ModuleName(unchecked: "b"))))
  }

  @Test func `a deployment with another pattern, or that is gone, is noticed`() throws {
    var script = RouterScript()
    func targets() -> [String] {
      script.handle(.eventReceived(RequestID(1), event("x"), data: data, .local))
    }
    _ = script.handle(.deploymentsChanged([try wanting("m", "a", on: "x")]))
    #expect(targets() == ["append for []"])
    _ = script.handle(.deploymentsChanged([try wanting("n", "a", on: "x")]))
    #expect(targets() == ["append for [\"a\"]"])
    _ = script.handle(.deploymentsChanged([try wanting("n", "b", on: "x")]))
    #expect(targets() == ["append for [\"b\"]"])
    _ = script.handle(.deploymentsChanged([]))
    #expect(targets() == ["append for []"])
  }
}
