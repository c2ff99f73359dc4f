import ClusterModel
import EventRouting

// The registry and the trust store.
extension CatalogLogic {
  mutating func add(
    _ record: ModuleVersionRecord, _ request: RequestID, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    let name = QualifiedName(record.namespace, record.name)
    var event = SecurityEvent(
      kind: .moduleAccepted, at: now.wall, principal: record.pushedBy,
      namespace: record.namespace, subject: "\(record.name)@\(record.version)", reason: "ok",
      detail: "\(record.digest), signed by \(record.signers.map(\.text).joined(separator: ", "))")
    if let there = self.record(name, record.version) {
      guard there.digest != record.digest else {
        directives.append(.reply(request, .pushed(there, existed: true)))
        return
      }
      let problem = Self.versionExists(record)
      event.kind = .moduleRefused
      event.reason = problem.code
      event.detail = problem.message
      persist([.appendSecurityEvent(event)], then: .nothing, &directives)
      directives.append(.reply(request, .refused(problem)))
      return
    }
    persist(
      [.addVersion(record), .appendSecurityEvent(event)], then: .push(request, record),
      &directives)
  }

  /// The same version may have been pushed twice at the same time: the first that was durable holds.
  mutating func added(
    _ record: ModuleVersionRecord, _ request: RequestID, _ directives: inout [Directive]
  ) {
    let name = QualifiedName(record.namespace, record.name)
    if let there = self.record(name, record.version) {
      directives.append(.reply(request, .pushed(there, existed: true)))
      return
    }
    versions[name, default: []].append(record)
    directives.append(.reply(request, .pushed(record, existed: false)))
  }

  private static func versionExists(_ record: ModuleVersionRecord) -> Problem {
    Problem(
      .conflict, code: "version_exists",
      "\(record.name)@\(record.version) is in the registry with other code",
      next: "Versions never change: push under a new one.")
  }

  mutating func trust(
    _ key: TrustedKey, _ request: RequestID, _ requester: Requester, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    if let there = keys[key.id] {
      guard there.revokedAt == nil else {
        directives.append(
          .reply(
            request,
            .refused(
              Problem(
                .conflict, code: "key_revoked", "key \(key.id) was revoked and stays so",
                next: "Make a new key pair with `wasmatrix keygen --out DIR`."))))
        return
      }
      directives.append(.reply(request, .keyTrusted(there)))
      return
    }
    let event = SecurityEvent(
      kind: .keyTrusted, at: now.wall, principal: requester.principal,
      namespace: requester.namespace, subject: key.id.text, reason: "ok", detail: key.label)
    persist([.putKey(key), .appendSecurityEvent(event)], then: .trust(request, key), &directives)
  }

  mutating func revoke(
    _ id: KeyID, _ request: RequestID, _ requester: Requester, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard var key = keys[id] else {
      directives.append(
        .reply(
          request,
          .refused(
            Problem(
              .notFound, code: "key_unknown", "no key \(id) is known here",
              next: "See the known ones with `wasmatrix trust list`."))))
      return
    }
    guard key.revokedAt == nil else {
      directives.append(.reply(request, .keyRevoked(key)))
      return
    }
    key.revokedAt = now.wall
    let event = SecurityEvent(
      kind: .keyRevoked, at: now.wall, principal: requester.principal,
      namespace: requester.namespace, subject: id.text, reason: "ok", detail: key.label)
    persist([.putKey(key), .appendSecurityEvent(event)], then: .revoke(request, key), &directives)
  }

  /// What the key signed runs no more.
  mutating func revoked(
    _ key: TrustedKey, _ request: RequestID, _ now: Instants, _ directives: inout [Directive]
  ) {
    keys[key.id] = key
    let problem = Problem(
      .refused, code: "key_revoked", "it is signed with key \(key.id), which was revoked",
      next: "Sign it with a trusted key, push it as a new version and deploy that.")
    var events: [CatalogChange] = []
    for name in placed.keys.sorted() {
      guard let deployment = placed[name]?.deployment,
        let record = record(name, deployment.version), record.signers.contains(key.id)
      else { continue }
      placed[name]?.state = .failed(problem)
      directives.append(.stopPlacement(deployment.placement))
      events.append(
        .appendSecurityEvent(
          SecurityEvent(
            kind: .placementRefused, at: now.wall, principal: .system,
            namespace: deployment.namespace, subject: "\(deployment.name)@\(deployment.version)",
            reason: problem.code, detail: problem.message)))
    }
    if !events.isEmpty {
      persist(events, then: .nothing, &directives)
      directives.append(.route(routed))
    }
    directives.append(.reply(request, .keyRevoked(key)))
  }
}
