import ClusterAuthority
import ClusterModel
import ControlAPI
import ControlAPIModel
import Crypto
import Foundation
import HostPorts
import LocalSystem
import Logging
import StorageTesting
import Synchronization
import Telemetry
import Testing

@testable import ControlAPIClient

/// Shows what a test tells it to.
private final class ScriptedIdentity: IdentitySource {
  let shown: Mutex<TLSIdentity>
  init(_ identity: TLSIdentity) { shown = Mutex(identity) }
  func identity() async throws(Problem) -> TLSIdentity { shown.withLock { $0 } }
}

/// A server that speaks TLS, for the time of a test.
private struct SecureServer {
  let authority: ClusterAuthority
  let identity: ScriptedIdentity
  let access: SampleAccess
  let port: Int
  let token: AccessToken

  var url: String { "https://127.0.0.1:\(port)" }

  static func authority() throws -> ClusterAuthority {
    let folder = ScratchPlace()
    try Folder.make(folder.path)
    return try ClusterAuthority(in: folder.path, at: SystemClock().now().wall)
  }

  static func shown(by authority: ClusterAuthority) async throws -> TLSIdentity {
    try await ControlPlaneIdentity(authority, clock: SystemClock()).identity()
  }

  static func run(_ body: @Sendable (SecureServer) async throws -> Void) async throws {
    let authority = try authority()
    let identity = ScriptedIdentity(try await shown(by: authority))
    let access = SampleAccess(authorities: authority.authorities)
    let token = AccessToken(
      .user, authority: authority.fingerprint, secret: [UInt8](repeating: 9, count: 32))
    access.state.withLock {
      $0.holders[token.text] = TokenHolder(name: TokenName(unchecked: "ci"), role: .viewer)
    }
    let server = try ControlAPIServer(
      service: SampleCluster(), supervision: SampleTree(), backups: SampleBackups(),
      access: APIAccess(service: access, identity: identity), host: "127.0.0.1", port: 0,
      registry: PrometheusRegistry(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      let port = try #require(await server.boundPort())
      do {
        try await body(
          SecureServer(
            authority: authority, identity: identity, access: access, port: port, token: token))
      } catch {
        group.cancelAll()
        throw error
      }
      group.cancelAll()
      // Where everything shares few threads, saying farewell may take too long.
      while await group.nextResult() != nil {}
    }
  }

  /// The code of what goes wrong when the nodes are asked for; `nil` when nothing does.
  func asking(_ credentials: ClientCredentials, at url: String? = nil) async -> String? {
    do throws(Problem) {
      let client = try await APIClient.connect(
        to: url ?? self.url, with: credentials, connectTimeout: .seconds(60))
      do throws(Problem) {
        let answer = try await client.answer(to: Call(path: ["v1", "nodes"]))
        await client.shutdown()
        return answer.isSuccess ? nil : answer.problem?.code
      } catch {
        await client.shutdown()
        throw error
      }
    } catch { return error.code }
  }

  func pinned() -> ClientCredentials {
    ClientCredentials(trust: .pinned(token.authority), token: token)
  }
}

private final class ScratchPlace {
  let path = NSTemporaryDirectory() + "wasmatrix-tls-" + UUID().uuidString
}

@Suite struct TLSTests {
  @Test func `a token finds its server, and is let in`() async throws {
    try await SecureServer.run { server in
      #expect(await server.asking(server.pinned()) == nil)
      let known = ClientCredentials(
        trust: .authorities(server.authority.authorities), token: server.token)
      #expect(await server.asking(known) == nil)
      #expect(await server.asking(known, at: "https://localhost:\(server.port)") == nil)
    }
  }

  @Test func `over TLS nobody is let in without a token, on this machine neither`() async throws {
    try await SecureServer.run { server in
      let nobody = ClientCredentials(trust: .authorities(server.authority.authorities))
      #expect(await server.asking(nobody) == "token_missing")
      let stranger = AccessToken(
        .user, authority: server.token.authority, secret: [UInt8](repeating: 8, count: 32))
      #expect(
        await server.asking(
          ClientCredentials(trust: .pinned(stranger.authority), token: stranger))
          == "token_unknown")
    }
  }

  @Test func `a server of another cluster gets no token`() async throws {
    try await SecureServer.run { server in
      let other = try SecureServer.authority()
      let token = AccessToken(
        .user, authority: other.fingerprint, secret: [UInt8](repeating: 9, count: 32))
      #expect(
        await server.asking(ClientCredentials(trust: .pinned(other.fingerprint), token: token))
          == "authority_wrong")
      #expect(
        await server.asking(
          ClientCredentials(trust: .authorities(other.authorities), token: token))
          == "server_not_trusted")
      #expect(
        await server.asking(ClientCredentials(token: server.token)) == "server_not_trusted")
      #expect(server.access.state.withLock { $0.refusals.isEmpty })
    }
  }

  @Test func `a server that says it is of the cluster, and cannot show it, gets no token`()
    async throws
  {
    try await SecureServer.run { server in
      // It tells the right authority when asked, and shows a certificate of its own.
      let other = try await SecureServer.shown(by: SecureServer.authority())
      server.identity.shown.withLock { $0 = other }
      #expect(await server.asking(server.pinned()) == "server_not_trusted")
    }
  }

  @Test func `a node of the cluster is not taken for its control plane`() async throws {
    try await SecureServer.run { server in
      let key = P256.Signing.PrivateKey()
      let chain = try server.authority.issue(
        for: CertificateRequest(
          node: NodeID(unchecked: "edge-1"), publicKey: Array(key.publicKey.derRepresentation),
          keyHash: KeptHash(sha256: [UInt8](repeating: 0, count: 32))),
        at: SystemClock().now().wall, life: .seconds(3600))
      server.identity.shown.withLock {
        $0 = TLSIdentity(
          certificateChain: chain, privateKey: Array(key.derRepresentation), authorities: [])
      }
      #expect(await server.asking(server.pinned()) == "server_name_wrong")
    }
  }

  @Test func `a certificate that expired is not trusted, one that was renewed is shown at once`()
    async throws
  {
    try await SecureServer.run { server in
      let past = PastClock(ago: .seconds(7200))
      let expired = try await ControlPlaneIdentity(
        server.authority, life: .seconds(3600), clock: past
      ).identity()
      server.identity.shown.withLock { $0 = expired }
      #expect(await server.asking(server.pinned()) == "server_not_trusted")
      let renewed = try await SecureServer.shown(by: server.authority)
      server.identity.shown.withLock { $0 = renewed }
      #expect(await server.asking(server.pinned()) == nil)
    }
  }

  @Test func `a node joins and renews, and gives its token to no server of another cluster`()
    async throws
  {
    try await SecureServer.run { server in
      server.access.state.withLock { $0.issuer = server.authority }
      let node = NodeID(unchecked: "edge-1")
      func token(_ authority: AuthorityFingerprint) -> AccessToken {
        AccessToken(.join, authority: authority, secret: [UInt8](repeating: 5, count: 32))
      }
      let agent = try NodeIdentity(
        of: node, in: ScratchPlace().path, enrollment: APIEnrollment(server: server.url),
        clock: SystemClock(), onTrouble: { _ in })
      let other = try SecureServer.authority()
      await #expect(throws: Problem.self) { try await agent.join(with: token(other.fingerprint)) }
      #expect(server.access.state.withLock { $0.joinTokens.isEmpty })
      try await agent.join(with: token(server.authority.fingerprint))
      let first = try await agent.identity().certificateChain
      try await agent.renewNow()
      #expect(try await agent.identity().certificateChain != first)
      #expect(await agent.attachAddresses == ["10.0.0.1:7443"])
      // Somebody else at the same address.
      let stranger = try await SecureServer.shown(by: other)
      server.identity.shown.withLock { $0 = stranger }
      await #expect(throws: Problem.self) { try await agent.renewNow() }
    }
  }

  @Test func `the wrong scheme is named as what is wrong`() async throws {
    try await SecureServer.run { server in
      #expect(
        await server.asking(ClientCredentials(), at: "http://127.0.0.1:\(server.port)")
          == "server_speaks_tls")
    }
    try await RunningServer.run { server in
      do throws(Problem) {
        let client = try await APIClient.connect(
          to: "https://127.0.0.1:\(server.port)",
          with: ClientCredentials(
            trust: .pinned(AuthorityFingerprint(sha256: [UInt8](repeating: 1, count: 32)))))
        await client.shutdown()
        Issue.record("it was trusted")
      } catch {
        #expect(error.code == "server_speaks_no_tls", "\(error)")
      }
    }
  }

  @Test func `a token does not leave this machine in the clear`() async throws {
    let token = AccessToken(
      .user, authority: AuthorityFingerprint(sha256: [UInt8](repeating: 1, count: 32)),
      secret: [UInt8](repeating: 2, count: 32))
    for host in ["10.255.255.1", "example.org", "[fe80::1]", "127.0.0.1.example.org"] {
      do throws(Problem) {
        let client = try await APIClient.connect(
          to: "http://\(host):1", with: ClientCredentials(trust: .system, token: token))
        await client.shutdown()
        Issue.record("it would be sent to \(host)")
      } catch {
        #expect(error.code == "token_in_the_clear")
        #expect(!"\(error)".contains(Base64URL.encode(token.secret)))
      }
    }
  }
}

private struct PastClock: HostClock {
  let ago: Duration
  func now() -> Instants {
    var now = SystemClock().now()
    now.wall = now.wall + .nanoseconds(-ago.nanoseconds)
    return now
  }
}
