import ClusterModel
import Foundation
import Testing

/// What a node is ordered to hold: it is shared, and nobody can see that.
@Suite struct PlacementOrderTests {
  private static let name = ModuleName(unchecked: "m")
  private static let version = ModuleVersion(unchecked: "1")

  private func deployment(_ generation: Int = 1) -> Deployment {
    Deployment(
      namespace: .default, application: ApplicationName(unchecked: "app"), name: Self.name,
      version: Self.version, digest: ModuleDigest(sha256: [UInt8](repeating: 1, count: 32)),
      configuration: DeploymentConfiguration(), generation: generation,
      deployedAt: WallInstant(microseconds: 5))
  }

  private func record(size: Int = 1) -> ModuleVersionRecord {
    ModuleVersionRecord(
      namespace: .default, name: Self.name, version: Self.version, digest: deployment().digest,
      size: ByteCount(bytes: size), signers: [], signature: [],
      pushedAt: WallInstant(microseconds: 5), pushedBy: .local)
  }

  private func order(
    _ generation: Int = 1, size: Int = 1, role: PlacementRole = .active, fence: UInt64 = 3
  ) -> PlacementOrder {
    PlacementOrder(
      deployment: deployment(generation), record: record(size: size), role: role,
      fence: PlanVersion(term: 2, counter: fence))
  }

  @Test func `two are the same when they say the same, whether they share it or not`() {
    let one = order()
    #expect(one == order())
    #expect(one.hashValue == order().hashValue)
    #expect(one == PlacementOrder(one.subject, role: one.role, fence: one.fence))
    #expect(one != order(2) && one != order(size: 2))
    #expect(one != order(role: .fallback) && one != order(fence: 4))
    #expect(one.subject.isOfSameDeployment(as: order(size: 2).subject))
    #expect(!one.subject.isOfSameDeployment(as: order(2).subject))
    #expect(one.placement == deployment().placement)
  }

  @Test func `it is written with a deployment, a record, a role and a fence, and read again`()
    throws
  {
    let data = try JSONEncoder().encode(order())
    let fields = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(fields.keys.sorted() == ["deployment", "fence", "record", "role"])
    #expect(try JSONDecoder().decode(PlacementOrder.self, from: data) == order())
  }
}
