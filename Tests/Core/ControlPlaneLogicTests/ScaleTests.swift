import ClusterModel
import Testing

@testable import ControlPlaneLogic

/// More and fewer nodes for what is deployed.
@Suite struct ScaleTests {
  private var plane = ControlPlaneDriver()
  private let rules = PlacementRules(fallbacks: 0)

  private func scales(_ plane: ControlPlaneDriver) -> [[Int64]] {
    plane.announced.compactMap { event in
      guard event.type == .scaleEvent, case .integer(let from)? = event.payload["from"],
        case .integer(let replicas)? = event.payload["replicas"]
      else { return nil }
      return [from, replicas]
    }
  }

  @Test mutating func `it serves on as many nodes as it was scaled to, when all are ready`() {
    plane.serve(on: ["a", "b", "c"], rules)
    // The first has the code.
    #expect(plane.scale(to: 3) == ["b: m#2 fallback", "c: m#2 fallback"])
    #expect(plane.obey("a") == [])
    #expect(plane.obey("b") == [])
    #expect(plane.obey("c").contains("deployed [\"m#2\"]"))
    for node in ["a", "b", "c"] { _ = plane.obey(node) }
    let texts = plane.invoke() + plane.invoke() + plane.invoke()
    #expect(texts.sorted() == ["invoke on a", "invoke on b", "invoke on c"])
    #expect(scales(plane) == [[1, 3]])
  }

  @Test mutating func `scaled to nothing it serves nowhere until it is asked back`() {
    plane.serve(on: ["a"], rules)
    #expect(plane.scale(to: 0).contains("deployed [\"m#2\"]"))
    _ = plane.obey("a")
    #expect(plane.invoke() == ["no invocation: scaled_to_zero"])
    _ = plane.emit()
    #expect(plane.activations.isEmpty, "its events wait")
    _ = plane.scale(to: 1)
    _ = plane.obey("a")
    let texts = plane.obey("a") + plane.wait(.seconds(2), beating: ["a"])
    #expect(texts.contains { $0.hasPrefix("activate 1 on a") } || !plane.activations.isEmpty)
    #expect(plane.invoke() == ["invoke on a"])
    #expect(scales(plane) == [[1, 0], [0, 1]])
  }
}
