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
///
/// A renewal that is refused for good leaves a node to join anew, with a token that its agent was started with
/// (``offer(_:)``). What it holds stays until something newer is on the disk.
public actor NodeIdentity: IdentitySource {
  private let folder: IdentityFolder
  private let node: NodeID
  private let enrollment: any NodeEnrollment
  private let clock: any HostClock
  private let onJoinAnew: @Sendable () -> Void
  private let onTrouble: @Sendable (Problem) -> Void
  private var kept: (identity: IdentityFolder.Identity, facts: NodeCertificateFacts)?
  private var atHand = TokenAtHand.none

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
  ///   - onJoinAnew: called when it has joined with a token that it was offered.
  ///   - onTrouble: hears of each renewal that failed, and of each try to join anew.
  /// - Throws: ``Problem`` `identity_damaged`, or `identity_of_other_node`.
  public init(
    of node: NodeID, in dataFolder: String, enrollment: any NodeEnrollment, clock: any HostClock,
    onJoinAnew: @escaping @Sendable () -> Void = {},
    onTrouble: @escaping @Sendable (Problem) -> Void
  ) throws(Problem) {
    self.node = node
    self.enrollment = enrollment
    self.clock = clock
    self.onJoinAnew = onJoinAnew
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
        next: "If that goes on, start the agent again with a new token: "
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
    let hash = Self.hash(of: token)
    let key = try await joiningKey(hash)
    let answer = try await enrollment.join(
      node, with: token, request: try key.request(for: node))
    guard Self.names(token, oneOf: answer.authorities) else {
      throw NodeKey.untrustworthy("its authority is not the one that the token names")
    }
    try await take(answer, key, joinedWith: hash)
  }

  /// Takes a token to join anew with, should that turn out to be needed: ``run(ready:)`` asks for a renewal at
  /// once, which tells. The token that this node joined with last may stay where it was given; it is not tried
  /// again.
  public func offer(_ token: AccessToken) {
    guard Self.hash(of: token) != kept?.identity.joinedWith else {
      atHand = .used
      return
    }
    let isKnown = Self.names(token, oneOf: kept?.identity.authorities ?? [])
    atHand = isKnown ? .spare(token) : .needed(token)
  }

  private static func hash(of token: AccessToken) -> KeptHash {
    KeptHash(sha256: Array(SHA256.hash(data: token.secret)))
  }

  private static func names(_ token: AccessToken, oneOf authorities: [[UInt8]]) -> Bool {
    authorities.contains { authority in
      AuthorityFingerprint(sha256: Array(SHA256.hash(data: authority))) == token.authority
    }
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

  private func take(
    _ answer: IssuedCertificate, _ key: NodeKey, joinedWith token: KeptHash?
  ) async throws(Problem) {
    let facts = try key.check(answer, for: node)
    let identity = IdentityFolder.Identity(
      node: node, key: key.pem, chain: answer.chain, authorities: answer.authorities,
      attachAddresses: answer.attachAddresses, joinedWith: token)
    let folder = folder
    try await Self.blocking { () throws(Problem) in try folder.keep(identity) }
    kept = (identity, facts)
  }

  /// Keeps the certificate renewed until its task is cancelled; to be run as a supervised service.
  public func run(ready: @escaping @Sendable () -> Void) async throws {
    ready()
    var failures = 0
    while !Task.isCancelled {
      let left = timeLeft
      guard left <= .zero else {
        try await Task.sleep(for: min(left, Self.longestSleep))
        continue
      }
      do throws(Problem) {
        try await renewOrJoin()
        failures = 0
      } catch {
        // What a renewal that was cancelled says is no news.
        try Task.checkCancellation()
        failures += 1
        onTrouble(error)
        try await Task.sleep(for: Self.backOff(after: failures))
      }
    }
  }

  /// Until a certificate is to be asked for.
  var timeLeft: Duration {
    switch atHand {
    case .spare, .needed: return .zero
    case .none, .used: break
    }
    guard let kept else { return Self.firstBackOff }
    let due = CertificateRules.renewal(
      issued: kept.facts.issuedAt, expires: kept.facts.expiresAt)
    return due - clock.now().wall
  }

  /// Renews; where that is refused for good, and there is a token for it, joins anew.
  ///
  /// - Throws: ``Problem``: why there is no new certificate, and what the operator can do about it.
  func renewOrJoin() async throws(Problem) {
    if case .needed(let token) = atHand { return try await joinAnew(with: token) }
    do throws(Problem) {
      try await renewNow()
    } catch {
      guard RenewalRefusal.leavesJoining(error) else { throw error }
      guard case .spare(let token) = atHand else { throw advised(error) }
      atHand = .needed(token)
      return try await joinAnew(with: token)
    }
    // The certificate is good: a token that is kept for later might let in a node that was forgotten since.
    if case .spare = atHand { atHand = .none }
  }

  private func joinAnew(with token: AccessToken) async throws(Problem) {
    do throws(Problem) {
      try await join(with: token)
    } catch {
      // A token that was refused is so again. A server that is not believed may be one once the clocks are set.
      if error.category == .refused, error.code != RenewalRefusal.foreignServer { atHand = .none }
      throw error
    }
    atHand = .used
    onJoinAnew()
  }

  /// A refusal that no later renewal cures, with what cures it.
  private func advised(_ refusal: Problem) -> Problem {
    let condition =
      RenewalRefusal.isOfClocks(refusal)
      ? "See that the address and the clocks are right. If they are, this" : "This"
    let given: String
    switch atHand {
    case .used: given = " (the token that its agent was started with is the one it joined with)"
    case .none, .spare, .needed: given = ""
    }
    var advised = refusal
    advised.next =
      "\(condition) node needs a new token\(given): make one with "
      + "`wasmatrix token create --join --node \(node)`, and start the agent again with it (--token)."
    return advised
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
    try await take(answer, key, joinedWith: old.joinedWith)
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
