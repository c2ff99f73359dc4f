import ClusterAuthority
import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import HostPorts
import PropertyTesting
import StorageTesting
import Synchronization
import Testing

@testable import NodeStore

/// Codes of what was done without.
private final class Told: Sendable {
  let codes = Mutex<[String]>([])
}

/// What a node keeps of its last life, and what it makes of a disk that others wrote on.
@Suite struct NodeFolderTests {
  private let temporary = TemporaryFolder()
  private let folder: DataFolder
  private let told = Told()

  init() throws { folder = try DataFolder(temporary.path) }

  /// Believes those seals whose signature is 1.
  private func open(capacity: Int = 1 << 20) throws -> NodeFolder {
    try NodeFolder(
      in: folder, capacity: ByteCount(bytes: capacity),
      verify: { (seal) async throws(Problem) in
        guard seal.signature == [1] else {
          throw Problem(.refused, code: "standing_plan_forged", "it is forged")
        }
      }, onTrouble: { [told] problem in told.codes.withLock { $0.append(problem.code) } })
  }

  private func sealed(_ counter: UInt64, _ digests: [ModuleDigest] = []) throws -> SealedPlan {
    let wall = WallInstant(microseconds: 1)
    let orders = digests.enumerated().map { index, digest in
      let name = ModuleName(unchecked: "m\(index)")
      let version = ModuleVersion(unchecked: "1")
      return PlacementOrder(
        deployment: Deployment(
          namespace: .default, application: ApplicationName(unchecked: "app"), name: name,
          version: version, digest: digest, configuration: DeploymentConfiguration(),
          generation: 1, deployedAt: wall),
        record: ModuleVersionRecord(
          namespace: .default, name: name, version: version, digest: digest,
          size: ByteCount(bytes: 1), signers: [], signature: [], pushedAt: wall, pushedBy: .local),
        role: .active, fence: .zero)
    }
    let plan = StandingPlan(
      NodePlan(
        node: NodeID(unchecked: "n"), incarnation: Incarnation(1),
        version: PlanVersion(term: 1, counter: counter), orders: orders),
      trustedKeys: [], issuedAt: wall, life: .seconds(60))
    return SealedPlan(
      plan,
      PlanSeal(
        statement: Array(try JSONEncoder().encode(plan)),
        authority: AuthorityFingerprint(sha256: [UInt8](repeating: 0, count: 32)), signature: [1]))
  }

  private static func digest(_ bytes: [UInt8]) -> ModuleDigest {
    ModuleDigest(sha256: Array(SHA256.hash(data: bytes)))
  }

  private func refusal(_ store: NodeFolder) async -> String? {
    do throws(Problem) {
      return try await store.recall() == nil ? "nothing" : nil
    } catch {
      return error.code
    }
  }

  @Test func `what was kept last is what the next start finds`() async throws {
    let store = try open()
    #expect(await refusal(store) == "nothing")
    for counter in 1...3 as ClosedRange<UInt64> {
      try await store.remember(PlanVersion(term: 1, counter: counter))
      try await store.keep(try sealed(counter))
    }
    let recalled = try #require(try await open().recall())
    #expect(recalled.plan == (try sealed(3).plan))
    #expect(recalled.seen == PlanVersion(term: 1, counter: 3))
  }

  @Test(arguments: ["plan.json", "obeyed.json"])
  func `a file that somebody wrote on is refused, each in its way`(name: String) async throws {
    let store = try open()
    try await store.remember(PlanVersion(term: 1, counter: 1))
    try await store.keep(try sealed(1))
    let path = temporary.path + "/standing/" + name
    let good = try Data(contentsOf: URL(filePath: path))
    for bytes in [Data(), Data("{".utf8), good.dropLast(3), Data("{\"format\":1}".utf8)] {
      try bytes.write(to: URL(filePath: path))
      #expect(await refusal(try open()) == "standing_plan_damaged")
    }
    let text = String(decoding: good, as: UTF8.self)
    try Data(text.replacingOccurrences(of: "\"format\":1", with: "\"format\":2").utf8).write(
      to: URL(filePath: path))
    #expect(await refusal(try open()) == "standing_plan_unknown_format")
    try good.write(to: URL(filePath: path))
    #expect(await refusal(try open()) == nil)
  }

  @Test func `a seal that does not hold, and a record that is gone, are refused`() async throws {
    let store = try open()
    var forged = try sealed(1)
    forged.seal.signature = [2]
    try await store.keep(forged)
    #expect(await refusal(store) == "standing_plan_forged")
    try await store.keep(try sealed(1))
    #expect(await refusal(store) == "standing_plan_damaged")
  }

  @Test func `a module is kept as it was, and one that was written on is no more`() async throws {
    let store = try open()
    let bytes: [UInt8] = [1, 2, 3]
    let digest = Self.digest(bytes)
    #expect(try await store.module(digest) == nil)
    try await store.keep(bytes, digest)
    #expect(try await open().module(digest) == bytes)
    let name = digest.hexadecimal
    try temporary.overwrite(
      "modules/sha256/\(name.prefix(2))/\(name.dropFirst(2))", at: 0, with: [9])
    #expect(try await store.module(digest) == nil)
    #expect(told.codes.withLock { $0 } == ["kept_module_damaged"])
    try await store.keep(bytes, digest)
    #expect(try await store.module(digest) == bytes)
  }

  @Test func `what no plan names makes room, and what one names does not`() async throws {
    let store = try open(capacity: 250)
    let modules = (0..<4).map { [UInt8](repeating: UInt8($0), count: 100) }
    let digests = modules.map(Self.digest)
    try await store.keep(modules[0], digests[0])
    try await store.keep(modules[1], digests[1])
    try await store.keep(try sealed(1, [digests[0]]))
    try await store.keep(modules[2], digests[2])
    #expect(try await store.module(digests[0]) == modules[0])
    #expect(try await store.module(digests[1]) == nil)
    #expect(try await store.module(digests[2]) == modules[2])
    try await store.keep(try sealed(2, [digests[0], digests[2]]))
    await #expect(throws: Problem.self) { try await store.keep(modules[3], digests[3]) }
    #expect(try await store.module(digests[0]) == modules[0])
    #expect(try await store.module(digests[2]) == modules[2])
  }

  // Feature: wasmatrix, Property 5: room is made without touching what is needed, and no more than is wanted
  @Test func `room is made of what is not needed, and of no more than it takes`() async throws {
    let sizes = Generator<Int>.int(in: 1...100).array(count: 0...12)
    try await checkProperty(
      "Feature: wasmatrix, Property 5: room for modules", cases: 200,
      zip(sizes, Generator<Int>.int(in: 1...100), Generator<Int>.int(in: 0...600))
    ) { sizes, size, capacity in
      let kept = sizes.enumerated().map { index, size in
        ModuleFolder.Kept(digest: Self.digest([UInt8(index)]), size: size, usedAt: Int64(index))
      }
      let needed = Set(kept.filter { $0.size % 3 == 0 }.map(\.digest))
      let victims = ModuleFolder.victims(
        among: kept, toKeep: size, within: capacity, needed: needed)
      let neededBytes = kept.filter { needed.contains($0.digest) }.reduce(size) { $0 + $1.size }
      guard let victims else { return neededBytes > capacity }
      let rest = kept.filter { !victims.contains($0.digest) }.reduce(size) { $0 + $1.size }
      let spared = victims.last.flatMap { last in kept.first { $0.digest == last } }?.size
      return needed.isDisjoint(with: victims) && rest <= capacity
        && spared.map { rest + $0 > capacity } ?? true
    }
  }
}
