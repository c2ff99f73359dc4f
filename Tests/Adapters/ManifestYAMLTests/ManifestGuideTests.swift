import ClusterModel
import Foundation
import ManifestYAML
import Testing

/// What `docs/MANIFEST.md` shows is what the reader says.
@Suite struct ManifestGuideTests {
  /// The fenced blocks of the guide, in order.
  private func blocks() throws -> [String] {
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let guide = try String(
      contentsOf: package.appending(path: "docs/MANIFEST.md"), encoding: .utf8)
    let parts = guide.components(separatedBy: "```")
    return parts.indices.filter { $0 % 2 == 1 }.map { index in
      String(parts[index].drop { $0 != "\n" }.dropFirst())
    }
  }

  @Test func `the examples of the guide are read`() throws {
    let blocks = try blocks()
    let smallest = try ManifestReader.read(blocks[0], file: "wasmatrix.yaml")
    #expect(smallest.modules.map(\.name.text) == ["hello"])
    let full = try ManifestReader.read(blocks[1], file: "wasmatrix.yaml")
    #expect(full.modules.map(\.name.text) == ["clean", "alarm"])
    #expect(full.modules.map { $0.configuration.triggers[0].pattern != nil } == [false, true])
    let supervised = try ManifestReader.read(blocks[3], file: "wasmatrix.yaml")
    let tree = try #require(supervised.modules.first?.configuration.serviceTree)
    #expect(
      tree.strategy == .restForOne && tree.services.map(\.text) == ["store", "reader", "writer"])
    let placed = try ManifestReader.read(blocks[2], file: "wasmatrix.yaml")
    let rules = try #require(placed.modules.first).configuration.placement
    #expect(rules.replicas == 2 && rules.fallbacks == 1 && rules.isolation == .stop)
    #expect(rules.hardware == ["can-bus"])
    #expect(rules.labels == [try Label("tier", "edge")])
    #expect(rules.origin?.zone.text == "hall-3")
    #expect(rules.origin?.coordinates?.latitude == 48.1)
    #expect(rules.maximumLatency == .milliseconds(20))
    #expect(rules.weights.latency == 3 && rules.weights.distance == 0)
  }

  @Test func `the mistakes of the guide are told as it says`() throws {
    let blocks = try blocks()
    let error = #expect(throws: ManifestProblems.self) {
      try ManifestReader.read(blocks[4], file: "wasmatrix.yaml")
    }
    #expect(error.map { $0.description + "\n" } == blocks[5])
  }
}
