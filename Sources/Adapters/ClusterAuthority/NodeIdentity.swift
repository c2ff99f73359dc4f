import AccessRules
public import ClusterModel
import Crypto
import Dispatch
public import HostPorts

/// What a node shows of itself: its key and its certificate in the folder `identity/` of the agent's data
/// folder, got by joining, and renewed by ``run(ready:)``.
///
///     nothing ──join──> holds ──2/3 of its life──> renews ──answer──> holds
///                                                   │ ▲
///                                          no answer└─┘back-off, also after it expired
public actor NodeIdentity: IdentitySource {
  private let folder: IdentityFolder
  private let node: NodeID
  private let enrollment: any NodeEnrollment
  private let clock: any HostClock
  private let onTrouble: @Sendable (Problem) -> Void
  private var kept: (identity: IdentityFolder.Identity, facts: NodeCertificateFacts)?

  /// How long after a failed renewal the next is tried: doubled each time up to the longest, and up to half of
  /// it less, so that nodes do not ask in step.
  static let firstBackOff = Duration.seconds(1)
  static let longestBackOff = Duration.seconds(60)
  /// How often the clock is looked at, as it may be set.
  private static let longestSleep = Duration.seconds(60)

  /// Reads what is there. Blocks: for the start of a program.
  ///
  /// - Parameters:
  ///   - dataFolder: of the agent.
  ///   - onTrouble: hears of each renewal that failed.
  /// - Throws: ``Problem`` `identity_damaged`, or `identity_of_other_node`.
  public init(
    of node: NodeID, in dataFolder: String, enrollment: any NodeEnrollment, clock: any HostClock,
    onTrouble: @escaping @Sendable (Problem) -> Void
  ) throws(Problem) {
    self.node = node
    self.enrollment = enrollment
    self.clock = clock
    self.onTrouble = onTrouble
    folder = IdentityFolder(path: dataFolder + "/identity")
    guard let identity = try folder.identity() else { return }
    guard identity.node == node else {
      throw Problem(
        .conflict, code: "identity_of_other_node",
        "the data folder holds the identity of the node \(identity.node)",
        next: "Name that node, or another data folder.")
    }
    guard let own = identity.chain.first else {
      throw Problem(
        .internalFault, code: "identity_damaged", "the node's identity holds no certificate",
        next: "Remove the folder \(folder.path), and join again with a new token.")
    }
    kept = (identity, try NodeCertificate.facts(ofDER: own))
  }

  /// Whether it has ever joined.
  public var isJoined: Bool { kept != nil }
  /// Where the control plane said that agents attach.
  public var attachAddresses: [String] { kept?.identity.attachAddresses ?? [] }

  public func identity() async throws(Problem) -> TLSIdentity {
    guard let kept else { throw missing }
    guard clock.now().wall < kept.facts.expiresAt else {
      throw Problem(
        .unavailable, code: "identity_expired",
        "the certificate of \(node) expired at \(kept.facts.expiresAt); it is being renewed",
        next: "If that goes on, join again with a new token: "
          + "`wasmatrix token create --join --node \(node)`.")
    }
    return try newest()
  }

  /// What the node's own entrance shows: the newest certificate, also one that has expired, which callers do not
  /// believe then.
  public nonisolated var shown: any IdentitySource { ShownIdentity(node: self) }

  fileprivate func newest() throws(Problem) -> TLSIdentity {
    guard let kept else { throw missing }
    return TLSIdentity(
      certificateChain: kept.identity.chain,
      privateKey: try NodeKey(pem: kept.identity.key).der, authorities: kept.identity.authorities)
  }

  /// Whether an authority that this node believes has sealed this.
  ///
  /// - Throws: ``Problem`` `standing_plan_forged`, or `identity_missing`.
  public func check(_ seal: PlanSeal) throws(Problem) {
    guard let kept else { throw missing }
    try seal.check(against: kept.identity.authorities)
  }

  /// Gets the first certificate, or one in place of one that is lost. Asked again after a lost answer, it asks
  /// with the same key.
  public func join(with token: AccessToken) async throws(Problem) {
    let hash = KeptHash(sha256: Array(SHA256.hash(data: token.secret)))
    let key = try await joiningKey(hash)
    let answer = try await enrollment.join(
      node, with: token, request: try key.request(for: node))
    let named = answer.authorities.contains { authority in
      AuthorityFingerprint(sha256: Array(SHA256.hash(data: authority))) == token.authority
    }
    guard named else {
      throw NodeKey.untrustworthy("its authority is not the one that the token names")
    }
    try await take(answer, key)
  }

  private func joiningKey(_ token: KeptHash) async throws(Problem) -> NodeKey {
    let (folder, node) = (folder, node)
    return try await Self.blocking { () throws(Problem) in
      if let there = try folder.joining(), there.token == token, there.node == node {
        return try NodeKey(pem: there.key)
      }
      let key = NodeKey()
      try folder.keep(IdentityFolder.Joining(token: token, node: node, key: key.pem))
      return key
    }
  }

  private func take(_ answer: IssuedCertificate, _ key: NodeKey) async throws(Problem) {
    let facts = try key.check(answer, for: node)
    let identity = IdentityFolder.Identity(
      node: node, key: key.pem, chain: answer.chain, authorities: answer.authorities,
      attachAddresses: answer.attachAddresses)
    let folder = folder
    try await Self.blocking { () throws(Problem) in try folder.keep(identity) }
    kept = (identity, facts)
  }

  /// Keeps the certificate renewed until its task is cancelled; to be run as a supervised service.
  public func run(ready: @escaping @Sendable () -> Void) async throws {
    ready()
    var failures = 0
    while !Task.isCancelled {
      guard let kept else {
        try await Task.sleep(for: Self.firstBackOff)
        continue
      }
      let due = CertificateRules.renewal(
        issued: kept.facts.issuedAt, expires: kept.facts.expiresAt)
      let left = due - clock.now().wall
      guard left <= .zero else {
        try await Task.sleep(for: min(left, Self.longestSleep))
        continue
      }
      do throws(Problem) {
        try await renewNow()
        failures = 0
      } catch {
        failures += 1
        onTrouble(error)
        try await Task.sleep(for: Self.backOff(after: failures))
      }
    }
  }

  /// Asks for a new certificate now.
  ///
  /// - Throws: ``Problem`` `identity_missing`, or why there is none.
  public func renewNow() async throws(Problem) {
    guard let old = kept?.identity else { throw missing }
    let key = NodeKey()
    let request = try key.request(for: node)
    let answer = try await enrollment.renew(
      NodeCertificate.pem(ofDER: old.chain[0]), request: request,
      signature: try NodeKey(pem: old.key).signature(over: request), trusting: old.authorities)
    guard answer.authorities.contains(where: old.authorities.contains) else {
      throw NodeKey.untrustworthy("it knows none of the authorities that this node knows")
    }
    try await take(answer, key)
  }

  private var missing: Problem {
    Problem(
      .refused, code: "identity_missing", "the node \(node) has not joined the cluster",
      next: "Join with a token: `wasmatrix token create --join --node \(node)`.")
  }

  static func backOff(after failures: Int) -> Duration {
    let full = min(firstBackOff * (1 << min(failures - 1, 10)), longestBackOff)
    return full * Double.random(in: 0.5...1)
  }

  private static func blocking<Value: Sendable>(
    _ body: @escaping @Sendable () throws(Problem) -> Value
  ) async throws(Problem) -> Value {
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      DispatchQueue(label: "node identity").async {
        continuation.resume(returning: Result { () throws(Problem) in try body() })
      }
    }
    return try result.get()
  }
}

private struct ShownIdentity: IdentitySource {
  let node: NodeIdentity
  func identity() async throws(Problem) -> TLSIdentity { try await node.newest() }
}
