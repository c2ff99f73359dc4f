import ClusterModel
import ControlPlaneLogic
import HostPorts
import Logging
import ModuleCatalog
import ModuleTrust
import ModuleVerification
import SupervisionRuntime

// The registry and the trust store: what ``ClusterService`` says of them.
extension ControlPlane {
  func push(
    _ bytes: [UInt8], detachedSignature: [UInt8]?, as reference: VersionReference,
    by caller: Caller
  ) async throws(Problem) -> PushedVersion {
    try requireRunning()
    let keys = logic.catalog.allKeys
    let verifiers = try await verifiers.borrow()
    let verified: VerifiedModule
    do throws(TrustFailure) {
      verified = try await verifiers.verify(bytes, detached: detachedSignature, keys: keys)
    } catch {
      try await recordRefusedPush(of: reference, because: error.problem, by: caller)
      throw error.problem
    }
    try takeRoom(for: verified)
    try await blobs.put(verified.unsignedBytes, digest: verified.digest)
    let record = ModuleVersionRecord(
      namespace: caller.namespace, name: reference.module, version: reference.version,
      digest: verified.digest, size: ByteCount(bytes: verified.unsignedBytes.count),
      signers: verified.signers, signature: verified.signatureData, pushedAt: clock.now().wall,
      pushedBy: caller.principal)
    let reply = try await ask { .moduleVerified($0, record) }
    guard case .pushed(let kept, let existed) = reply else { throw Self.unexpected }
    return PushedVersion(record: kept, existed: existed)
  }

  /// Code that is there already is not kept twice.
  private func takeRoom(for module: VerifiedModule) throws(Problem) {
    let isThere = logic.catalog.versions.values.contains { versions in
      versions.contains { $0.digest == module.digest }
    }
    guard !isThere else { return }
    try room.take(ByteCount(bytes: module.unsignedBytes.count), for: .module)
  }

  /// A refusal is on record before the caller hears of it.
  func recordRefusedPush(
    of reference: VersionReference, because problem: Problem, by caller: Caller
  ) async throws(Problem) {
    logger.warning(
      "a module was refused",
      metadata: ["module": "\(reference.module)@\(reference.version)", "reason": "\(problem.code)"])
    try await catalogStore.persist([
      .appendSecurityEvent(
        SecurityEvent(
          kind: .moduleRefused, at: clock.now().wall, principal: caller.principal,
          namespace: caller.namespace, subject: "\(reference.module)@\(reference.version)",
          reason: problem.code, detail: problem.message))
    ])
  }

  /// A guest was refused something; returns when that is on record.
  func record(_ denial: CapabilityDenial, of activation: DeniedActivation) async throws(Problem) {
    try await catalogStore.persist([
      .appendSecurityEvent(
        SecurityEvent(
          kind: .capabilityDenied, at: clock.now().wall,
          principal: Principal(kind: .module, name: activation.module.description),
          namespace: activation.module.namespace,
          subject: "\(activation.module.name)@\(activation.version)", reason: "denied",
          detail: "\(denial.call) \(denial.subject): \(denial.reason); on node \(activation.node), "
            + "event \(activation.eventID)"))
    ])
  }

  static let unexpected = Problem(
    .internalFault, code: "unexpected_reply", "the control plane gave an answer to something else")

  func versions(
    of name: ModuleName?, for caller: Caller
  ) async throws(Problem) -> [ModuleVersionRecord] {
    guard let name else {
      return logic.catalog.versions.keys.sorted()
        .filter { $0.namespace == caller.namespace }
        .flatMap { logic.catalog.versions[$0] ?? [] }
    }
    guard let versions = logic.catalog.versions[QualifiedName(caller.namespace, name)] else {
      throw Problem(
        .notFound, code: "module_unknown", "there is no module \(name) in the registry",
        next: "See which there are with `wasmatrix modules`.")
    }
    return versions
  }

  func trustKey(
    _ publicKey: [UInt8], label: String, by caller: Caller
  ) async throws(Problem) -> TrustedKey {
    let key = try SerializedPublicKey(publicKey)
    let trusted = TrustedKey(
      id: key.id, publicKey: key.bytes, label: String(label.prefix(100)),
      addedAt: clock.now().wall)
    let reply = try await ask { .keyOffered($0, trusted, caller.requester) }
    guard case .keyTrusted(let kept) = reply else { throw Self.unexpected }
    feed(.standingContentChanged)
    return kept
  }

  func trustedKeys(for caller: Caller) async throws(Problem) -> [TrustedKey] {
    logic.catalog.allKeys
  }

  func revokeKey(_ id: KeyID, by caller: Caller) async throws(Problem) -> TrustedKey {
    let reply = try await ask { .keyRevocationRequested($0, id, caller.requester) }
    guard case .keyRevoked(let key) = reply else { throw Self.unexpected }
    feed(.standingContentChanged)
    return key
  }

  func securityEvents(
    from sequence: Int64, limit: Int, for caller: Caller
  ) async throws(Problem) -> [SequencedSecurityEvent] {
    try await catalogStore.securityEvents(from: sequence, limit: limit)
  }
}

extension Caller {
  var requester: Requester { Requester(principal: principal, namespace: namespace) }
}
