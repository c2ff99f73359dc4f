import AccessRules
public import ClusterModel
public import HostPorts
import Logging

// Nodes: joining, renewing, being let in.
extension AccessControl {
  public func join(
    _ node: NodeID, with token: String, request: String
  ) async throws(Problem) -> IssuedCertificate {
    let token = try AccessToken(token, for: .join)
    let wanted = try issuer.request(request)
    try Self.requireAgreement(wanted.node, node)
    let now = clock.now().wall
    let joining = JoinRequest(token: Self.hash(token.secret), node: node, key: wanted.keyHash)
    let rules = rules
    // Strangers do not hold up whoever has something to write.
    _ = try JoinRules.join(
      joining, known: try await store.access(of: node), rules: rules, at: now)
    _ = try await store.changeAccess(of: node) { (known) throws(Problem) in
      try JoinRules.join(joining, known: known, rules: rules, at: now)
    }
    logger.info("a node joined", metadata: ["node": "\(node)"])
    return issued(try issuer.issue(for: wanted, at: now, life: rules.nodeLife))
  }

  public func renew(
    _ certificate: String, request: String, signature: [UInt8]
  ) async throws(Problem) -> IssuedCertificate {
    let old = try issuer.nodeCertificate(certificate)
    guard issuer.isSigned(request, by: signature, keyOf: certificate) else {
      throw Problem(
        .refused, code: "signature_wrong",
        "the request is not signed with the key of the certificate of \(old.node)",
        next: "Sign the text of the request with that key: ECDSA with SHA-256.")
    }
    let wanted = try issuer.request(request)
    try Self.requireAgreement(wanted.node, old.node)
    let now = clock.now().wall
    let rules = rules
    _ = try await store.changeAccess(of: old.node) { (known) throws(Problem) in
      try rules.renew(old, known: known, at: now)
    }
    return issued(try issuer.issue(for: wanted, at: now, life: rules.nodeLife))
  }

  public func admit(_ certificate: [UInt8]) async throws(Problem) -> NodeID {
    let facts = try issuer.nodeCertificate(der: certificate)
    try rules.mayBeAttached(
      facts, known: try await store.access(of: facts.node), at: clock.now().wall)
    return facts.node
  }

  private static func requireAgreement(_ asked: NodeID, _ node: NodeID) throws(Problem) {
    guard asked == node else {
      throw Problem(
        .refused, code: "node_name_wrong",
        "the request for \(asked) is not one of the node \(node)",
        next: "Ask for the name that the node has.")
    }
  }
}
