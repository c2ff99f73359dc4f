import ClusterModel
import PropertyTesting
import Testing

@testable import AccessRules

@Suite struct CertificateRulesTests {
  private let issued = WallInstant(microseconds: 1_800_000_000_000_000)
  private let rules = CertificateRules(nodeLife: .seconds(86_400), grace: .seconds(600))
  private let node = NodeID(unchecked: "edge-1")

  private var certificate: NodeCertificateFacts {
    NodeCertificateFacts(node: node, issuedAt: issued, expiresAt: issued + .seconds(3600))
  }

  private func refusal(_ known: AccessSnapshot, at time: WallInstant) -> String? {
    do throws(Problem) {
      try rules.mayRenew(certificate, known: known, at: time)
      return nil
    } catch { return error.code }
  }

  @Test func `a certificate renews until the grace after it is over`() {
    let known = AccessSnapshot()
    #expect(refusal(known, at: issued) == nil)
    #expect(refusal(known, at: issued + .seconds(3600 + 600)) == nil)
    #expect(refusal(known, at: issued + .seconds(3600 + 601)) == "certificate_expired")
    #expect(refusal(known, at: issued + .seconds(-301)) == "certificate_not_yet_valid")
  }

  @Test func `a node that was forgotten, or has joined anew, does not renew with the old one`() {
    #expect(refusal(AccessSnapshot(isForgotten: true), at: issued) == "node_forgotten")
    func joined(_ seconds: Int) -> AccessSnapshot {
      AccessSnapshot(
        node: EnrolledNode(
          node: node, joinedAt: issued + .seconds(seconds), expiresAt: issued))
    }
    #expect(refusal(joined(1), at: issued) == "certificate_superseded")
    #expect(refusal(joined(0), at: issued) == nil)
    #expect(refusal(joined(-1), at: issued) == nil)
  }

  @Test func `an attachment outlives its certificate until the newest one cannot be renewed`() {
    func refusal(_ known: AccessSnapshot, after seconds: Int) -> String? {
      do throws(Problem) {
        try rules.mayBeAttached(certificate, known: known, at: issued + .seconds(seconds))
        return nil
      } catch { return error.code }
    }
    func renewed(until seconds: Int) -> AccessSnapshot {
      AccessSnapshot(
        node: EnrolledNode(node: node, joinedAt: issued, expiresAt: issued + .seconds(seconds)))
    }
    #expect(refusal(AccessSnapshot(), after: 3600 + 600) == nil)
    #expect(refusal(AccessSnapshot(), after: 3600 + 601) == "certificate_expired")
    #expect(refusal(renewed(until: 5000), after: 5000 + 600) == nil)
    #expect(refusal(renewed(until: 5000), after: 5000 + 601) == "certificate_expired")
    // What is known of it comes from a backup.
    #expect(refusal(renewed(until: 1000), after: 3600 + 600) == nil)
    #expect(refusal(AccessSnapshot(isForgotten: true), after: 0) == "node_forgotten")
  }

  @Test func `a certificate is renewed with a third of its life left`() async throws {
    try await checkProperty(
      "renewal is at two thirds", Generator<Int>.int(in: 2...7_776_000)
    ) { seconds in
      let expires = issued + .seconds(seconds)
      let renewal = CertificateRules.renewal(issued: issued, expires: expires)
      let left = (expires - renewal).milliseconds
      return abs(left * 3 - Double(seconds) * 1000) < 1
    }
  }

  @Test func `the whole second is that of a certificate`() {
    #expect(WallInstant(microseconds: 1_999_999).wholeSecond.microseconds == 1_000_000)
    #expect(WallInstant(microseconds: 2_000_000).wholeSecond.microseconds == 2_000_000)
    #expect(WallInstant(microseconds: -1).wholeSecond.microseconds == -1_000_000)
  }
}
