public import ClusterModel
public import ControlAPIModel
internal import NIOHTTP1

extension APIClient {
  /// Whether the server takes requests.
  public func health() async throws(Problem) -> HealthResource {
    try await value(HealthResource.self, of: Call(path: ["healthz"]))
  }

  /// Pushes a version.
  ///
  /// - Parameter detachedSignature: signature data outside the module.
  public func push(
    _ module: [UInt8], as reference: VersionReference, detachedSignature: [UInt8]? = nil
  ) async throws(Problem) -> ModuleVersionResource {
    var headers: HTTPHeaders = ["Content-Type": "application/wasm"]
    if let detachedSignature {
      headers.add(name: APIHeader.signature, value: Base64.encode(detachedSignature))
    }
    return try await value(
      ModuleVersionResource.self,
      of: Call(
        method: .PUT,
        path: ["v1", "modules", reference.module.text, "versions", reference.version.text],
        headers: headers, body: module))
  }

  /// Every version in the registry, of one module when `name` is given.
  public func modules(named name: ModuleName? = nil) async throws(Problem)
    -> [ModuleVersionResource]
  {
    let path = ["v1", "modules"] + (name.map { [$0.text] } ?? [])
    return try await value(
      ListResource<ModuleVersionResource>.self, of: Call(path: path)
    ).items
  }

  /// All that is known of one version.
  public func module(_ reference: VersionReference) async throws(Problem) -> WasmModule {
    try await value(
      WasmModule.self,
      of: Call(
        path: ["v1", "modules", reference.module.text, "versions", reference.version.text]))
  }

  /// Everything that was ever deployed under a name, oldest first.
  public func history(of module: ModuleName) async throws(Problem) -> [DeployedGenerationResource] {
    try await value(
      ListResource<DeployedGenerationResource>.self,
      of: Call(path: ["v1", "modules", module.text, "history"])
    ).items
  }

  public func trustedKeys() async throws(Problem) -> [TrustedKeyResource] {
    try await value(
      ListResource<TrustedKeyResource>.self, of: Call(path: ["v1", "trust", "keys"])
    ).items
  }

  /// - Parameter publicKey: 33 serialised bytes.
  public func trustKey(_ publicKey: [UInt8], label: String) async throws(Problem)
    -> TrustedKeyResource
  {
    try await value(
      TrustedKeyResource.self,
      of: json(
        .POST, ["v1", "trust", "keys"], TrustKeyRequest(publicKey: publicKey, label: label)))
  }

  public func revokeKey(_ id: KeyID) async throws(Problem) -> TrustedKeyResource {
    try await value(
      TrustedKeyResource.self,
      of: Call(method: .DELETE, path: ["v1", "trust", "keys", id.text]))
  }

  /// Security events from `sequence` on, oldest first.
  ///
  /// - Parameter limit: 1 to 1000.
  public func securityEvents(from sequence: Int64 = 0, limit: Int = APILimits.defaultPage)
    async throws(Problem) -> [SecurityEventResource]
  {
    try await value(
      ListResource<SecurityEventResource>.self,
      of: Call(
        path: ["v1", "audit"], query: [("from", String(sequence)), ("limit", String(limit))])
    ).items
  }

  func json(_ method: HTTPMethod, _ path: [String], _ body: some Encodable) throws(Problem)
    -> Call
  {
    do {
      return Call(
        method: method, path: path, headers: ["Content-Type": APIJSON.type],
        body: try APIJSON.encode(body))
    } catch {
      throw Problem(
        .internalFault, code: "request_not_encodable", "the request cannot be written as JSON",
        cause: "\(error)")
    }
  }
}
