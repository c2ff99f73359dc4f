import ClusterModel

// The registry and the trust store.
extension Catalog {
  mutating func add(
    _ record: ModuleVersionRecord, _ request: RequestID, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    // A key may have been revoked after the signature was verified.
    let revoked = problem(withSignersOf: record)
    let there = self.record(QualifiedName(record.namespace, record.name), record.version)
    if revoked == nil, let there, there.digest == record.digest {
      directives.append(.reply(request, .pushed(there, existed: true)))
      return
    }
    var event = SecurityEvent(
      kind: .moduleAccepted, at: now.wall, principal: record.pushedBy,
      namespace: record.namespace, subject: "\(record.name)@\(record.version)", reason: "ok",
      detail: "\(record.digest), signed by \(record.signers.map(\.text).joined(separator: ", "))")
    if let problem = revoked ?? there.map({ _ in Self.versionExists(record) }) {
      event.kind = .moduleRefused
      event.reason = problem.code
      event.detail = problem.message
      persist([.appendSecurityEvent(event)], then: .refuse(request, problem), &directives)
      return
    }
    persist(
      [.addVersion(record), .appendSecurityEvent(event)], of: .version(of: record),
      then: .push(request, record), &directives)
  }

  /// Why a version may not run, as far as its signers go; `nil` when it may. One revoked key is
  /// enough, as it is for whoever verifies the signature.
  func problem(withSignersOf record: ModuleVersionRecord) -> Problem? {
    record.signers.first { keys[$0]?.revokedAt != nil }.map { id in
      Problem(
        .refused, code: "key_revoked",
        "\(record.name)@\(record.version) is signed with key \(id), which was revoked",
        next: "Sign it with a trusted key, push it as a new version and deploy that.")
    }
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
        let problem = Problem(
          .conflict, code: "key_revoked", "key \(key.id) was revoked and stays so",
          next: "Make a new key pair with `wasmatrix keygen --out DIR`.")
        let event = SecurityEvent(
          kind: .requestRefused, at: now.wall, principal: requester.principal,
          namespace: requester.namespace, subject: key.id.text, reason: problem.code,
          detail: problem.message)
        persist([.appendSecurityEvent(event)], then: .refuse(request, problem), &directives)
        return
      }
      directives.append(.reply(request, .keyTrusted(there)))
      return
    }
    let event = SecurityEvent(
      kind: .keyTrusted, at: now.wall, principal: requester.principal,
      namespace: requester.namespace, subject: key.id.text, reason: "ok", detail: key.label)
    persist(
      [.putKey(key), .appendSecurityEvent(event)], of: .key(key.id), then: .trust(request, key),
      &directives)
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
    persist(
      [.putKey(key), .appendSecurityEvent(event)], of: .key(key.id), then: .revoke(request, key),
      &directives)
  }

  /// What the key signed runs no more, and what is being deployed of it is given up.
  mutating func revoked(
    _ key: TrustedKey, _ request: RequestID, _ now: Instants, _ directives: inout [Directive]
  ) {
    keys[key.id] = key
    if stopRevoked(placed.keys.sorted(), now, &directives) != nil {
      directives.append(.route(routed))
    }
    // One that is being made durable already is looked at again when it is.
    for application in rollouts.keys.sorted() where rollouts[application]?.waiting.isEmpty == false
    {
      let problems = rollouts[application]?.deployments.compactMap { problem(with: $0) }
      if let problem = problems?.first { abandon(application, problem, &directives) }
    }
    directives.append(.reply(request, .keyRevoked(key)))
  }

  /// Stops those of some deployments that a revoked key signed; the first reason, if there is one.
  mutating func stopRevoked(
    _ names: [QualifiedName], _ now: Instants, _ directives: inout [Directive]
  ) -> Problem? {
    var first: Problem?
    var events: [CatalogChange] = []
    for name in names {
      guard let deployment = placed[name]?.deployment, let problem = problem(with: deployment)
      else { continue }
      if case .failed(problem) = placed[name]?.state { continue }
      first = first ?? problem
      placed[name]?.state = .failed(problem)
      directives.append(.stopPlacement(deployment.placement))
      events.append(
        .appendSecurityEvent(
          SecurityEvent(
            kind: .placementRefused, at: now.wall, principal: .system,
            namespace: deployment.namespace, subject: "\(deployment.name)@\(deployment.version)",
            reason: problem.code, detail: problem.message)))
    }
    if !events.isEmpty { persist(events, then: .nothing, &directives) }
    return first
  }

  func problem(with deployment: Deployment) -> Problem? {
    record(deployment.qualifiedName, deployment.version).flatMap { problem(withSignersOf: $0) }
  }
}
