import AccessControl
import AccessRules
import ClusterAuthority
import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import HostPorts
import Logging
import SQLiteStore
import StorageTesting
import Synchronization
import Testing

/// A clock that a test sets.
final class StillClock: HostClock {
  private let instants: Mutex<Instants>
  init() {
    let wall = WallInstant(microseconds: Int64(Date().timeIntervalSince1970) * 1_000_000)
    instants = Mutex(Instants(monotonic: MonotonicInstant(nanoseconds: 0), wall: wall))
  }
  func now() -> Instants { instants.withLock { $0 } }
  func advance(_ time: Duration) {
    instants.withLock { $0 = Instants(monotonic: $0.monotonic + time, wall: $0.wall + time) }
  }
}

/// The nodes that were to be hung up on.
final class Forgotten: Sendable {
  let nodes = Mutex<[NodeID]>([])
}

/// The real thing, over a folder of its own.
struct Gate {
  let temporary: TemporaryFolder
  let folder: DataFolder
  let store: CatalogDatabase
  let authority: ClusterAuthority
  let clock: StillClock
  let control: AccessControl
  let forgotten = Forgotten()
  let caller = Caller(principal: .local)

  init(_ temporary: TemporaryFolder = TemporaryFolder(), clock: StillClock = StillClock()) throws {
    self.temporary = temporary
    self.clock = clock
    folder = try DataFolder(temporary.path)
    store = try CatalogDatabase(in: folder)
    authority = try ClusterAuthority(in: temporary.path, at: clock.now().wall)
    control = AccessControl(
      store: store, issuer: authority,
      rules: CertificateRules(nodeLife: .seconds(60), grace: .seconds(600)),
      attachAddresses: { ["127.0.0.1:7443"] },
      onForgotten: { [forgotten] node in forgotten.nodes.withLock { $0.append(node) } },
      clock: clock,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// As after a restart.
  func reopened() async throws -> Gate {
    try await store.close()
    folder.release()
    return try Gate(temporary, clock: clock)
  }

  func events() async throws -> [SecurityEvent] {
    try await store.securityEvents(from: 0, limit: 1000).map(\.event)
  }

  func code(_ body: () async throws(Problem) -> Void) async -> String? {
    do throws(Problem) {
      try await body()
      return nil
    } catch { return error.code }
  }
}

@Suite struct UserAccessTests {
  private let name = TokenName(unchecked: "ci")

  @Test func `a token that was made lets its holder in, until it is revoked`() async throws {
    let gate = try Gate()
    let made = try await gate.control.createUserToken(
      name, role: .deployer, life: nil, by: gate.caller)
    let holder = try await gate.control.holder(of: made.token.text)
    #expect(holder.role == .deployer && holder.principal == Principal(kind: .person, name: "ci"))
    try await gate.control.revokeToken(name, by: gate.caller)
    let code = await gate.code { () async throws(Problem) in
      _ = try await gate.control.holder(of: made.token.text)
    }
    #expect(code == "token_revoked")
    let kinds = try await gate.events().map(\.kind)
    #expect(kinds == [.tokenCreated, .tokenRevoked])
  }

  @Test func `tokens outlive a restart, their secrets are nowhere on the disk`() async throws {
    var gate = try Gate()
    let made = try await gate.control.createUserToken(
      name, role: .viewer, life: .seconds(60), by: gate.caller)
    gate = try await gate.reopened()
    #expect(try await gate.control.holder(of: made.token.text).role == .viewer)
    try await gate.store.close()
    let secret = Base64URL.encode(made.token.secret)
    for file in ["catalog.sqlite", "catalog.sqlite-wal"] {
      let bytes = try? Data(contentsOf: URL(fileURLWithPath: gate.temporary.path + "/" + file))
      #expect(bytes?.range(of: Data(secret.utf8)) == nil)
      #expect(bytes?.range(of: Data(made.token.secret)) == nil)
    }
    gate.clock.advance(.seconds(60))
    let again = try await gate.reopened()
    let code = await again.code { () async throws(Problem) in
      _ = try await again.control.holder(of: made.token.text)
    }
    #expect(code == "token_expired")
  }

  @Test func `a token of another cluster is unknown, and it says why`() async throws {
    let (gate, other) = (try Gate(), try Gate())
    let made = try await other.control.createUserToken(
      name, role: .admin, life: nil, by: other.caller)
    do throws(Problem) {
      _ = try await gate.control.holder(of: made.token.text)
      Issue.record("it was let in")
    } catch {
      #expect(error.code == "token_unknown" && error.next?.contains("another cluster") == true)
    }
  }

  @Test(.timeLimit(.minutes(2))) func `when a token was used last is known to the hour`()
    async throws
  {
    let gate = try Gate()
    let made = try await gate.control.createUserToken(
      name, role: .admin, life: nil, by: gate.caller)
    func lastUse() async throws -> WallInstant? {
      try await gate.control.tokens(for: gate.caller).users[0].lastUsedAt
    }
    #expect(try await lastUse() == nil)
    _ = try await gate.control.holder(of: made.token.text)
    let first = gate.clock.now().wall
    while try await lastUse() != first { await Task.yield() }
    gate.clock.advance(.seconds(600))
    _ = try await gate.control.holder(of: made.token.text)
    gate.clock.advance(.seconds(3600))
    _ = try await gate.control.holder(of: made.token.text)
    let third = gate.clock.now().wall
    while try await lastUse() != third { await Task.yield() }
  }

  @Test func `the token of a file is known after it was shown once`() async throws {
    let gate = try Gate()
    let token = gate.control.newToken(.user)
    try await gate.control.ensure(token, named: name, role: .admin)
    try await gate.control.ensure(token, named: name, role: .admin)
    #expect(try await gate.control.holder(of: token.text).role == .admin)
    try await gate.control.revokeToken(name, by: gate.caller)
    let code = await gate.code { () async throws(Problem) in
      try await gate.control.ensure(token, named: name, role: .admin)
    }
    #expect(code == "token_revoked")
  }

  @Test func `refusals are on record, and a flood of them is not`() async throws {
    let gate = try Gate()
    let problem = Problem(.refused, code: "token_unknown", "no")
    var slowed = 0
    for _ in 0..<200 {
      let told = await gate.control.refused(
        problem, to: .local, from: "10.0.0.1", subject: "POST /v1/modules")
      if told.code == "refusals_too_many" { slowed += 1 }
    }
    let events = try await gate.events()
    #expect(slowed == 180 && events.count == 20)
    #expect(events[0].kind == .accessRefused && events[0].reason == "token_unknown")
    #expect(events[0].subject == "POST /v1/modules" && events[0].detail.contains("10.0.0.1"))
  }
}
