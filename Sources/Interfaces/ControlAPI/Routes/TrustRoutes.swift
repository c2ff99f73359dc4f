internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird

/// The trust store, and what happened to the security of the cluster.
enum TrustRoutes {
  /// The longest label of a key, in bytes.
  static let maximumLabel = 200
  /// The number of bytes of a serialised public key.
  static let keyLength = 33

  static func routes(_ service: any ClusterService) -> [Route] {
    [list(service), add(service), revoke(service), audit(service)]
  }

  private static func list(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/trust/keys",
      Operation(
        id: "listTrustedKeys", summary: "Every key that is or was trusted.",
        answers: [.json(200, "The keys.", Schema.list("TrustedKey"))])
    ) { request in
      let keys = try await service.trustedKeys(for: request.caller)
      return try .list(keys.map { TrustedKeyResource($0) })
    }
  }

  private static func add(_ service: any ClusterService) -> Route {
    Route(
      .post, "/v1/trust/keys", body: .upTo(APILimits.jsonBody),
      Operation(
        id: "trustKey", summary: "Trust a key.",
        body: ["application/json": Schema.ref("TrustKeyRequest")],
        answers: [.json(201, "It is trusted.", Schema.ref("TrustedKey"))],
        problems: [.invalidInput, .refused, .conflict])
    ) { request in
      let wanted = try request.json(TrustKeyRequest.self)
      guard let key = Base64.decode(wanted.publicKey), key.count == keyLength else {
        throw Problem(
          .invalidInput, code: "key_invalid",
          "\"publicKey\" is not the base64 of \(keyLength) bytes",
          next: "Send the public key that `wasmatrix keygen` wrote.")
      }
      guard wanted.label.utf8.count <= maximumLabel,
        wanted.label.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f })
      else {
        throw Problem(
          .invalidInput, code: "label_invalid", "the label is too long or holds control characters",
          next: "Use at most \(maximumLabel) bytes.")
      }
      let trusted = try await service.trustKey(key, label: wanted.label, by: request.caller)
      return try .json(TrustedKeyResource(trusted), status: .created)
    }
  }

  private static func revoke(_ service: any ClusterService) -> Route {
    Route(
      .delete, "/v1/trust/keys/{id}",
      Operation(
        id: "revokeKey", summary: "Trust a key no more.",
        answers: [.json(200, "It is revoked.", Schema.ref("TrustedKey"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      let id: KeyID = try request.parameter("id")
      let revoked = try await service.revokeKey(id, by: request.caller)
      return try .json(TrustedKeyResource(revoked))
    }
  }

  private static func audit(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/audit",
      Operation(
        id: "listSecurityEvents", summary: "Security events, oldest first.",
        parameters: [.from, .limit],
        answers: [.json(200, "The events.", Schema.list("SecurityEvent"))],
        problems: [.invalidInput])
    ) { request in
      let first = try request.query.integer("from", in: 0...Int64.max, default: 0)
      let events = try await service.securityEvents(
        from: first, limit: try request.query.limit(), for: request.caller)
      return try .list(events.map { SecurityEventResource($0) })
    }
  }
}
