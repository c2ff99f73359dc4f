import ClusterModel
import DurableSQLite
import Foundation
import HostPorts
import SQLiteStore
import StorageTesting
import Testing

@Suite struct CatalogDatabaseTests {
  private let now = WallInstant(microseconds: 1_700_000_000_000_000)

  private func record(_ version: String, digest: UInt8 = 1) -> ModuleVersionRecord {
    ModuleVersionRecord(
      namespace: .default, name: ModuleName(unchecked: "m"),
      version: ModuleVersion(unchecked: version),
      digest: ModuleDigest(sha256: [UInt8](repeating: digest, count: 32)),
      size: ByteCount(bytes: 9), signers: [KeyID(unchecked: String(repeating: "a", count: 32))],
      signature: [1, 2, 3], pushedAt: now, pushedBy: .local)
  }

  private func deployment(_ name: String, generation: Int) -> Deployment {
    Deployment(
      namespace: .default, application: ApplicationName(unchecked: "app"),
      name: ModuleName(unchecked: name), version: ModuleVersion(unchecked: "1"),
      digest: ModuleDigest(sha256: [UInt8](repeating: 1, count: 32)),
      configuration: DeploymentConfiguration(
        triggers: [Trigger(topic: TopicFilter(unchecked: "a/+"))],
        environment: [EnvironmentVariable(name: "A", value: "b")]),
      generation: generation, deployedAt: now)
  }

  private func event(_ subject: String) -> SecurityEvent {
    SecurityEvent(
      kind: .moduleRefused, at: now, principal: .local, namespace: .default, subject: subject,
      reason: "signature_missing", detail: "")
  }

  @Test func `what was persisted is there after opening again`() async throws {
    let temporary = TemporaryFolder()
    var folder = try DataFolder(temporary.path)
    var store = try CatalogDatabase(in: folder)
    let key = TrustedKey(
      id: KeyID(unchecked: String(repeating: "a", count: 32)), publicKey: [1], label: "k",
      addedAt: now)
    try await store.persist([
      .addVersion(record("2")), .addVersion(record("1")), .putKey(key),
      .putDeployment(deployment("a", generation: 1)),
      .putDeployment(deployment("b", generation: 1)),
    ])
    var revoked = key
    revoked.revokedAt = now
    try await store.persist([
      .putDeployment(deployment("a", generation: 2)), .putKey(revoked),
      .removeDeployment(.default, ModuleName(unchecked: "b")),
    ])
    try await store.close()
    folder.release()
    folder = try DataFolder(temporary.path)
    store = try CatalogDatabase(in: folder)
    let snapshot = try await store.load()
    #expect(snapshot.versions.map(\.version.text) == ["2", "1"], "in the order of pushing")
    #expect(snapshot.versions.first == record("2"))
    #expect(snapshot.deployments == [deployment("a", generation: 2)])
    #expect(snapshot.keys == [revoked])
  }

  @Test func `a version is never replaced, and what comes with it is undone`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let store = try CatalogDatabase(in: folder)
    try await store.persist([.addVersion(record("1"))])
    try await store.persist([.addVersion(record("1"))])
    let code = await problemCode {
      try await store.persist([
        .appendSecurityEvent(event("undone")), .addVersion(record("1", digest: 2)),
      ])
    }
    #expect(code == "version_exists")
    #expect(try await store.load().versions == [record("1")])
    #expect(try await store.securityEvents(from: 0, limit: 10).isEmpty)
  }

  @Test func `security events are sequenced from 0 without gaps`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let store = try CatalogDatabase(in: folder)
    try await withThrowingTaskGroup { group in
      for number in 0..<200 {
        group.addTask { try await store.persist([.appendSecurityEvent(event("\(number)"))]) }
      }
      try await group.waitForAll()
    }
    let events = try await store.securityEvents(from: 0, limit: 1000)
    #expect(events.map(\.sequence) == Array(0..<200))
    #expect(Set(events.map(\.event.subject)).count == 200)
    #expect(try await store.securityEvents(from: 198, limit: 1).map(\.sequence) == [198])
  }

  @Test func `a damaged file is a clear error`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    try Data((0..<8192).map { _ in UInt8.random(in: 0...255) })
      .write(to: URL(fileURLWithPath: temporary.path + "/catalog.sqlite"))
    #expect(await problemCode { _ = try CatalogDatabase(in: folder) } == "data_corrupt")
  }

  @Test func `a record that does not read back is a clear error`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let store = try CatalogDatabase(in: folder)
    try await store.persist([.addVersion(record("marked-version"))])
    try await store.close()
    let file = temporary.path + "/catalog.sqlite"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    let place = try #require(bytes.range(of: Data(#"{"digest""#.utf8)))
    try temporary.overwrite("catalog.sqlite", at: place.lowerBound, with: Array("[".utf8))
    let again = try CatalogDatabase(in: folder)
    #expect(await problemCode { _ = try await again.load() } == "data_corrupt")
  }

  @Test func `an answer of security events is bounded`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let store = try CatalogDatabase(in: folder)
    try await store.persist((0..<3).map { .appendSecurityEvent(event("\($0)")) })
    #expect(try await store.securityEvents(from: 0, limit: -1).isEmpty)
    #expect(try await store.securityEvents(from: 1, limit: .max).map(\.sequence) == [1, 2])
  }
}
