import ClusterModel
import DurableSQLite
import Foundation
import HostPorts
import ProcessTesting
import StorageTesting
import SwiftASN1
import Testing
import X509

@testable import ClusterAuthority

/// A folder with an authority, for one test.
struct AuthorityStage {
  let folder = TemporaryFolder()
  let now: WallInstant

  init() throws {
    now = WallInstant(microseconds: Int64(Date().timeIntervalSince1970) * 1_000_000)
    try SyncedFile.makeFolder(folder.path)
  }

  func authority() throws(Problem) -> ClusterAuthority {
    try ClusterAuthority(in: folder.path, at: now)
  }

  func problem(_ body: () throws(Problem) -> Void) -> Problem? {
    do throws(Problem) {
      try body()
      return nil
    } catch { return error }
  }

  var path: String { folder.path + "/authority/" }
}

@Suite struct ClusterAuthorityTests {
  @Test func `an authority is made once, and nobody else may read its key`() throws {
    let stage = try AuthorityStage()
    let first = try stage.authority()
    #expect(try stage.authority().fingerprint == first.fingerprint)
    #expect(try stage.folder.permissions(of: "authority/key.pem") == 0o600)
    #expect(try stage.folder.permissions(of: "authority") == 0o700)
  }

  @Test(arguments: ["key.pem", "certificates.pem"])
  func `an authority of which half is missing is not replaced`(_ file: String) throws {
    let stage = try AuthorityStage()
    _ = try stage.authority()
    try FileManager.default.removeItem(atPath: stage.path + file)
    let problem = stage.problem { () throws(Problem) in _ = try stage.authority() }
    #expect(problem?.code == "authority_incomplete" && problem?.message.contains(file) == true)
    #expect(problem?.next != nil)
  }

  @Test(arguments: ["key.pem", "certificates.pem"])
  func `a damaged authority is a problem that says so`(_ file: String) throws {
    for damage in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
      let stage = try AuthorityStage()
      _ = try stage.authority()
      try Data(damage.utf8).write(to: URL(fileURLWithPath: stage.path + file))
      let problem = stage.problem { () throws(Problem) in _ = try stage.authority() }
      #expect(problem?.code == "authority_damaged", "\(file) \(damage)")
    }
  }

  @Test func `a key of another authority is not taken`() throws {
    let (stage, other) = (try AuthorityStage(), try AuthorityStage())
    _ = try stage.authority()
    _ = try other.authority()
    try FileManager.default.removeItem(atPath: stage.path + "key.pem")
    try FileManager.default.copyItem(atPath: other.path + "key.pem", toPath: stage.path + "key.pem")
    #expect(
      stage.problem { () throws(Problem) in _ = try stage.authority() }?.code
        == "authority_damaged")
  }

  @Test func `what an interrupted first start left is made anew`() throws {
    let stage = try AuthorityStage()
    let half = stage.folder.path + "/authority.incoming"
    try FileManager.default.createDirectory(atPath: half, withIntermediateDirectories: false)
    try Data("half".utf8).write(to: URL(fileURLWithPath: half + "/key.pem"))
    _ = try stage.authority()
    #expect(!FileManager.default.fileExists(atPath: half))
  }

  @Test func `more than one authority can be believed`() throws {
    let (stage, other) = (try AuthorityStage(), try AuthorityStage())
    let (own, older) = (try stage.authority(), try other.authority())
    let both = try ["", ""].enumerated().map { index, _ in
      try String(
        contentsOfFile: (index == 0 ? stage : other).path + "certificates.pem", encoding: .utf8)
    }.joined()
    try Data(both.utf8).write(to: URL(fileURLWithPath: stage.path + "certificates.pem"))
    let together = try stage.authority()
    #expect(together.authorities == own.authorities + older.authorities)
    #expect(together.fingerprint == own.fingerprint)
    let key = NodeKey()
    let node = NodeID(unchecked: "edge-1")
    let chain = try older.issue(
      for: older.request(key.request(for: node)), at: stage.now, life: .seconds(60))
    #expect(try together.nodeCertificate(der: chain[0]).node == node)
    #expect(throws: Problem.self) { try own.nodeCertificate(der: chain[0]) }
  }

  @Test func `a node's certificate says its name and how long it holds`() throws {
    let stage = try AuthorityStage()
    let authority = try stage.authority()
    let node = NodeID(unchecked: "edge-1")
    let request = try authority.request(NodeKey().request(for: node))
    #expect(request.node == node)
    let chain = try authority.issue(for: request, at: stage.now, life: .seconds(3600))
    let facts = try NodeCertificate.facts(ofDER: chain[0])
    #expect(try NodeCertificate.nodeName(ofDER: chain[0]) == node)
    #expect(facts.issuedAt == stage.now && facts.expiresAt == stage.now + .seconds(3600))
    let certificate = try Certificate(derEncoded: chain[0])
    #expect(WallInstant(certificate.notValidBefore) == stage.now + .seconds(-300))
  }

  @Test func `a certificate that is no node's has no node's name`() async throws {
    let stage = try AuthorityStage()
    let authority = try stage.authority()
    let plane = ControlPlaneIdentity(authority, clock: StillClock(stage.now))
    let chain = try await plane.identity().certificateChain
    for bytes in [chain[0], authority.authorities[0], [], [0x30, 0x80], Array("text".utf8)] {
      #expect(throws: Problem.self) { try NodeCertificate.nodeName(ofDER: bytes) }
    }
  }

  @Test func `no request that was tampered with is answered`() throws {
    let stage = try AuthorityStage()
    let authority = try stage.authority()
    let good = try NodeKey().request(for: NodeID(unchecked: "edge-1"))
    let sent = try authority.request(good)
    let document = try PEMDocument(pemString: good)
    var refused = 0
    for index in document.derBytes.indices {
      var bytes = document.derBytes
      bytes[index] ^= 1
      let text = PEMDocument(type: "CERTIFICATE REQUEST", derBytes: bytes).pemString
      do throws(Problem) {
        // A bit outside of what is signed may say nothing.
        #expect(try authority.request(text) == sent, "byte \(index)")
      } catch {
        #expect(error.code == "certificate_request_invalid")
        refused += 1
      }
    }
    #expect(refused >= document.derBytes.count - 2)
    for text in ["", "text", good + String(repeating: "A", count: 1 << 20)] {
      #expect(throws: Problem.self) { try authority.request(text) }
    }
  }

  @Test func `a signature is the one of the certificate's key`() throws {
    let stage = try AuthorityStage()
    let authority = try stage.authority()
    let (key, other) = (NodeKey(), NodeKey())
    let node = NodeID(unchecked: "edge-1")
    let request = try key.request(for: node)
    let chain = try authority.issue(
      for: authority.request(request), at: stage.now, life: .seconds(60))
    let pem = NodeCertificate.pem(ofDER: chain[0])
    #expect(authority.isSigned(request, by: try key.signature(over: request), keyOf: pem))
    #expect(!authority.isSigned(request + "\n", by: try key.signature(over: request), keyOf: pem))
    #expect(!authority.isSigned(request, by: try other.signature(over: request), keyOf: pem))
    #expect(!authority.isSigned(request, by: [1, 2, 3], keyOf: "no PEM"))
  }
}

/// A clock that a test sets.
final class StillClock: HostClock, @unchecked Sendable {
  private let lock = NSLock()
  private var wall: WallInstant
  init(_ wall: WallInstant) { self.wall = wall }
  func now() -> Instants {
    lock.withLock { Instants(monotonic: MonotonicInstant(nanoseconds: 0), wall: wall) }
  }
  func advance(_ time: Duration) { lock.withLock { wall = wall + time } }
}
