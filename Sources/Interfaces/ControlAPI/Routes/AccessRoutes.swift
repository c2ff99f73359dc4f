internal import AccessRules
internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird

/// Tokens, and how nodes get their certificates.
enum AccessRoutes {
  static func routes(_ service: any AccessService, _ access: AccessGuard) -> [Route] {
    [
      authority(service), join(service, access), renew(service, access), create(service),
      list(service), revoke(service),
    ]
  }

  private static func authority(_ service: any AccessService) -> Route {
    Route(
      .get, "/v1/authority",
      Operation(
        id: "getAuthority",
        summary: "The certificates of the cluster's authorities; the first signs. PEM.",
        answers: [
          .init(status: 200, about: "The certificates.", content: [PEM.type: Schema.string])
        ], isNamespaced: false)
    ) { _ in .text(PEM.certificates(service.authorities), type: PEM.type) }
  }

  private static func join(_ service: any AccessService, _ access: AccessGuard) -> Route {
    Route(
      .post, "/v1/join", body: .upTo(APILimits.nodeRequest),
      Operation(
        id: "joinNode", summary: "Get a node its first certificate, for a join token.",
        body: ["application/json": Schema.ref("JoinNodeRequest")],
        answers: [.json(200, "Its certificate.", Schema.ref("IssuedCertificate"))],
        problems: [.invalidInput, .refused, .overloaded], isNamespaced: false)
    ) { request in
      let wanted = try request.json(JoinNodeRequest.self)
      let issued: IssuedCertificate
      do throws(Problem) {
        issued = try await service.join(
          wanted.node, with: wanted.token, request: wanted.request)
      } catch {
        throw await access.refusedNode(
          error, wanted.node.text, from: request.address, "POST /v1/join")
      }
      return try .json(IssuedCertificateResource(issued))
    }
  }

  private static func renew(_ service: any AccessService, _ access: AccessGuard) -> Route {
    Route(
      .post, "/v1/renew", body: .upTo(APILimits.nodeRequest),
      Operation(
        id: "renewCertificate",
        summary: "Get a node a new certificate for its old one, which may have expired lately.",
        body: ["application/json": Schema.ref("RenewCertificateRequest")],
        answers: [.json(200, "Its certificate.", Schema.ref("IssuedCertificate"))],
        problems: [.invalidInput, .refused, .overloaded], isNamespaced: false)
    ) { request in
      let wanted = try request.json(RenewCertificateRequest.self)
      guard let signature = Base64.decode(wanted.signature) else {
        throw Problem(
          .invalidInput, code: "signature_invalid", "\"signature\" is not base64",
          next: "Sign the text of \"request\" with the key of \"certificate\".")
      }
      let issued: IssuedCertificate
      do throws(Problem) {
        issued = try await service.renew(
          wanted.certificate, request: wanted.request, signature: signature)
      } catch {
        throw await access.refusedNode(error, "unknown", from: request.address, "POST /v1/renew")
      }
      return try .json(IssuedCertificateResource(issued))
    }
  }

  private static func create(_ service: any AccessService) -> Route {
    Route(
      .post, "/v1/tokens", body: .upTo(APILimits.nodeRequest),
      Operation(
        id: "createToken", summary: "Make a token for a user, or one that lets a node join.",
        body: ["application/json": Schema.ref("CreateTokenRequest")],
        answers: [.json(201, "The token; it is told this once.", Schema.ref("CreatedToken"))],
        problems: [.invalidInput, .conflict], isNamespaced: false)
    ) { request in
      let wanted = try request.json(CreateTokenRequest.self)
      let made = try await create(wanted, service, by: request.caller)
      return try .json(CreatedTokenResource(made), status: .created)
    }
  }

  private static func create(
    _ wanted: CreateTokenRequest, _ service: any AccessService, by caller: Caller
  ) async throws(Problem) -> CreatedToken {
    let life = try wanted.seconds.map { (seconds) throws(Problem) in
      guard seconds > 0, seconds <= 1 << 40 else {
        throw invalid("\"seconds\" is not a time that a token can hold")
      }
      return Duration.seconds(seconds)
    }
    switch wanted.kind {
    case .join:
      guard wanted.name == nil, wanted.role == nil else {
        throw invalid("a join token has neither name nor role")
      }
      return try await service.createJoinToken(
        wanted.node, life: life ?? JoinRules.defaultLife, by: caller)
    case .user:
      guard let name = wanted.name, let role = wanted.role, wanted.node == nil else {
        throw invalid("a user's token has a name and a role, and no node")
      }
      return try await service.createUserToken(name, role: role, life: life, by: caller)
    }
  }

  private static func invalid(_ message: String) -> Problem {
    Problem(
      .invalidInput, code: "token_request_invalid", message,
      next: "See `wasmatrix token create --help`.")
  }

  private static func list(_ service: any AccessService) -> Route {
    Route(
      .get, "/v1/tokens",
      Operation(
        id: "listTokens", summary: "Every token: users' first, each sorted by name. No secrets.",
        answers: [.json(200, "The tokens.", Schema.list("Token"))], isNamespaced: false)
    ) { request in
      let known = try await service.tokens(for: request.caller)
      let now = service.now
      return try .list(
        known.users.map { TokenResource($0, at: now) }
          + known.joins.map { TokenResource($0, at: now) })
    }
  }

  private static func revoke(_ service: any AccessService) -> Route {
    Route(
      .delete, "/v1/tokens/{name}",
      Operation(
        id: "revokeToken", summary: "Let nobody in with a token any more.",
        answers: [.init(status: 204, about: "It is revoked.", content: [:])],
        problems: [.invalidInput, .notFound], isNamespaced: false)
    ) { request in
      try await service.revokeToken(try request.parameter("name"), by: request.caller)
      return Response(status: .noContent)
    }
  }
}
