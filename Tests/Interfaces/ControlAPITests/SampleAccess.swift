import ClusterModel
import HostPorts
import LocalSystem
import Synchronization

/// Knows the tokens that a test gives it, and puts refusals down.
final class SampleAccess: AccessService {
  struct Refusal: Hashable, Sendable {
    var code: String
    var principal: Principal
    var subject: String
  }

  struct State {
    var holders: [String: TokenHolder] = [:]
    var refusals: [Refusal] = []
    var answer: Problem?
    var callers: [Caller] = []
    var nodeProblem: Problem?
    /// Answers nodes; without it they get bytes that are no certificate.
    var issuer: (any CertificateIssuer)?
    var joinTokens: [String] = []
    var known = AccessSnapshot()
  }

  let state = Mutex(State())
  let authorities: [[UInt8]]
  let now = Samples.instant

  init(authorities: [[UInt8]] = [[1, 2, 3]]) { self.authorities = authorities }

  func holder(of token: String) async throws(Problem) -> TokenHolder {
    guard let holder = state.withLock({ $0.holders[token] }) else {
      throw Problem(.refused, code: "token_unknown", "unknown", next: "Ask.")
    }
    return holder
  }

  func refused(
    _ problem: Problem, to principal: Principal, from address: String, subject: String
  ) async -> Problem {
    state.withLock { state in
      state.refusals.append(
        Refusal(code: problem.code, principal: principal, subject: subject))
      return state.answer ?? problem
    }
  }

  private func issued(_ request: String) throws(Problem) -> IssuedCertificate {
    let (problem, issuer) = state.withLock { ($0.nodeProblem, $0.issuer) }
    if let problem { throw problem }
    let chain = try issuer.map { (issuer) throws(Problem) in
      try issuer.issue(for: issuer.request(request), at: issuedAt, life: .seconds(60))
    }
    return IssuedCertificate(
      chain: chain ?? [[4]], authorities: authorities, attachAddresses: ["10.0.0.1:7443"])
  }

  /// Now, by the clock of whoever checks it.
  private var issuedAt: WallInstant { SystemClock().now().wall }

  func join(_ node: NodeID, with token: String, request: String) async throws(Problem)
    -> IssuedCertificate
  {
    state.withLock { $0.joinTokens.append(token) }
    return try issued(request)
  }

  func renew(_ certificate: String, request: String, signature: [UInt8]) async throws(Problem)
    -> IssuedCertificate
  {
    try issued(request)
  }

  func admit(_ certificate: [UInt8]) async throws(Problem) -> NodeID { NodeID(unchecked: "n") }

  private func made(_ purpose: AccessToken.Purpose, _ caller: Caller) -> CreatedToken {
    state.withLock { $0.callers.append(caller) }
    return CreatedToken(
      name: TokenName(unchecked: "made"),
      token: AccessToken(
        purpose, authority: AuthorityFingerprint(sha256: [UInt8](repeating: 1, count: 32)),
        secret: [UInt8](repeating: 2, count: 32)), expiresAt: Samples.instant)
  }

  func createUserToken(
    _ name: TokenName, role: Role, life: Duration?, by caller: Caller
  ) async throws(Problem) -> CreatedToken { made(.user, caller) }

  func createJoinToken(_ node: NodeID?, life: Duration, by caller: Caller) async throws(Problem)
    -> CreatedToken
  { made(.join, caller) }

  func tokens(for caller: Caller) async throws(Problem) -> AccessSnapshot {
    state.withLock { $0.known }
  }

  func revokeToken(_ name: TokenName, by caller: Caller) async throws(Problem) {}
}
