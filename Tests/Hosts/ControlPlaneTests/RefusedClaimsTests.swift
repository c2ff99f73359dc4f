import ClusterModel
import HostPorts
import Logging
import Testing

@testable import ControlPlane

@Suite struct RefusedClaimsTests {
  private static let module = QualifiedName(.default, ModuleName(unchecked: "held"))
  private static let node = NodeID(unchecked: "a")

  private static func second(_ number: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: number * 1_000_000_000)
  }

  @Test func `the first is told at once, and of the others how many they were`() {
    var claims = RefusedClaims()
    func refuse(_ second: Int64) -> Int? {
      claims.refuse(Self.module, on: Self.node, at: Self.second(second))
    }
    #expect(refuse(100) == 1)
    for _ in 0..<50 { #expect(refuse(101) == nil) }
    for _ in 0..<50 { #expect(refuse(129) == nil) }
    #expect(refuse(130) == 101)
    #expect(refuse(131) == nil)
    // It comes when there is something to say.
    #expect(refuse(1000) == 2)
  }

  @Test func `each placement is told of`() {
    var claims = RefusedClaims()
    let others = (1...3).map { NodeID(unchecked: "n\($0)") }
    for node in others { #expect(claims.refuse(Self.module, on: node, at: Self.second(1)) == 1) }
    let other = QualifiedName(.default, ModuleName(unchecked: "other"))
    #expect(claims.refuse(other, on: others[0], at: Self.second(1)) == 1)
    #expect(claims.refuse(Self.module, on: others[0], at: Self.second(2)) == nil)
  }

  @Test func `what is remembered is bounded`() {
    var claims = RefusedClaims()
    for number in 0..<RefusedClaims.mostPlacements {
      let node = NodeID(unchecked: "n\(number)")
      #expect(claims.refuse(Self.module, on: node, at: Self.second(1)) == 1)
    }
    #expect(claims.refuse(Self.module, on: Self.node, at: Self.second(2)) == nil)
    #expect(claims.refuse(Self.module, on: Self.node, at: Self.second(30)) == nil)
    #expect(claims.refuse(Self.module, on: Self.node, at: Self.second(31)) == 1)
  }

  @Test func `whoever claims again and again is refused each time, and leaves a line`()
    async throws
  {
    let lines = KeptLines()
    let cluster = try await TestCluster.start(
      engine: ScriptedEngine { .success($0.input) }, logger: Logger(label: "test") { _ in lines })
    let activation = DeniedActivation(
      module: Self.module, version: ModuleVersion(unchecked: "1"), node: Self.node, eventID: "1")
    let effects = ActivationEffects(published: [GuestPublish(topic: Topic(unchecked: "out"))])
    // Nothing is deployed, so that nobody may have effects under a fence.
    let claim = EffectClaim.fence(
      PlacementID(Self.module, generation: 1), PlanVersion(term: 1, counter: 1))
    for _ in 0..<5 {
      let code = await problemCode {
        try await cluster.plane.connection.commit(effects, of: activation, under: claim)
      }
      #expect(code == "lease_over")
    }
    let told = lines.with("effects were refused")
    #expect(told.count == 1 && told.allSatisfy { $0.contains("held") })
    await cluster.stop()
    cluster.remove()
  }
}
