import ClusterModel
import DurableSQLite
import HostPorts
import SQLiteStore
import StorageTesting
import Testing

@Suite struct AccessStoreTests {
  private let now = WallInstant(microseconds: 1_700_000_000_000_000)
  private let node = NodeID(unchecked: "edge-1")
  private let hash = KeptHash(sha256: [UInt8](repeating: 1, count: 32))

  private var user: UserToken {
    UserToken(
      name: TokenName(unchecked: "ci"), hash: hash, role: .deployer, createdAt: now,
      createdBy: .local, expiresAt: nil)
  }

  private var join: JoinToken {
    JoinToken(
      name: TokenName(unchecked: "join-1"), hash: hash, node: node, createdAt: now,
      createdBy: .local, expiresAt: now + .seconds(60))
  }

  private var enrolled: EnrolledNode {
    EnrolledNode(node: node, joinedAt: now, expiresAt: now + .seconds(60))
  }

  private var event: SecurityEvent {
    SecurityEvent(
      kind: .tokenCreated, at: now, principal: .local, namespace: .default, subject: "ci",
      reason: "ok", detail: "")
  }

  @Test func `who is let in is there after opening again`() async throws {
    let temporary = TemporaryFolder()
    var folder = try DataFolder(temporary.path)
    var store = try CatalogDatabase(in: folder)
    let (user, join, enrolled, event) = (user, join, enrolled, event)
    _ = try await store.changeAccess(of: nil) { (_) throws(Problem) in
      [.putUser(user), .putJoin(join), .putNode(enrolled), .appendSecurityEvent(event)]
    }
    try await store.close()
    folder.release()
    folder = try DataFolder(temporary.path)
    store = try CatalogDatabase(in: folder)
    #expect(
      try await store.access(of: node)
        == AccessSnapshot(users: [user], joins: [join], node: enrolled))
    #expect(try await store.access(of: nil).node == nil)
    #expect(try await store.access(of: NodeID(unchecked: "other")).node == nil)
    #expect(try await store.securityEvents(from: 0, limit: 9).map(\.event) == [event])
    _ = try await store.changeAccess(of: nil) { (_) throws(Problem) in [.removeJoin(join.name)] }
    #expect(try await store.access(of: nil).joins.isEmpty)
  }

  @Test func `a decision that throws changes nothing`() async throws {
    let temporary = TemporaryFolder()
    let store = try CatalogDatabase(in: try DataFolder(temporary.path))
    await #expect(throws: Problem.self) {
      _ = try await store.changeAccess(of: nil) { (_) throws(Problem) in
        throw Problem(.refused, code: "no", "no")
      }
    }
    #expect(try await store.access(of: nil) == AccessSnapshot())
  }

  @Test func `decisions that are made at the same time see each other`() async throws {
    let temporary = TemporaryFolder()
    let store = try CatalogDatabase(in: try DataFolder(temporary.path))
    let join = join
    let made = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<20 {
        group.addTask {
          let changes = try? await store.changeAccess(of: nil) { (known) throws(Problem) in
            known.joins.isEmpty ? [.putJoin(join)] : []
          }
          return changes?.count ?? 0
        }
      }
      return await group.reduce(0, +)
    }
    #expect(made == 1)
  }

  @Test func `a node that the control plane has met is known as such`() async throws {
    let temporary = TemporaryFolder()
    let store = try CatalogDatabase(in: try DataFolder(temporary.path))
    let capabilities = try NodeCapabilities(
      architectures: [.portable], memory: .gibibytes(1), cpuCores: 1)
    let registration = NodeRegistration(
      node: node, incarnation: Incarnation(1), location: NodeLocation(zone: .default),
      capabilities: capabilities)
    try await store.persist([.putNode(KnownNode(registration: registration, scheduling: .open))])
    #expect(try await store.access(of: node).isRegistered)
    #expect(try await !store.access(of: NodeID(unchecked: "other")).isRegistered)
  }

  @Test func `a node that is forgotten is so with the same change, until it joins again`()
    async throws
  {
    let temporary = TemporaryFolder()
    let store = try CatalogDatabase(in: try DataFolder(temporary.path))
    let enrolled = enrolled
    // Also one of which nothing is known.
    try await store.persist([.removeNode(node)])
    #expect(try await store.access(of: node) == AccessSnapshot(isForgotten: true))
    _ = try await store.changeAccess(of: nil) { (_) throws(Problem) in [.putNode(enrolled)] }
    #expect(try await store.access(of: node) == AccessSnapshot(node: enrolled))
    try await store.persist([.removeNode(node)])
    #expect(
      try await store.access(of: node) == AccessSnapshot(node: enrolled, isForgotten: true))
  }
}
