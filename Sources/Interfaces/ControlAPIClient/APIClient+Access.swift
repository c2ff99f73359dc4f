public import ClusterModel
public import ControlAPIModel
public import HostPorts
internal import NIOHTTP1

extension APIClient {
  public func createToken(_ wanted: CreateTokenRequest) async throws(Problem)
    -> CreatedTokenResource
  {
    try await value(CreatedTokenResource.self, of: json(.POST, ["v1", "tokens"], wanted))
  }

  /// Every token; no secrets.
  public func tokens() async throws(Problem) -> [TokenResource] {
    try await value(ListResource<TokenResource>.self, of: Call(path: ["v1", "tokens"])).items
  }

  public func revokeToken(_ name: TokenName) async throws(Problem) {
    try await success(of: Call(method: .DELETE, path: ["v1", "tokens", name.text]))
  }

  /// Gets a node its first certificate.
  public func join(_ request: JoinNodeRequest) async throws(Problem) -> IssuedCertificate {
    try Self.issued(
      try await value(
        IssuedCertificateResource.self, of: json(.POST, ["v1", "join"], request)))
  }

  /// Gets a node a new certificate for its old one.
  public func renew(_ request: RenewCertificateRequest) async throws(Problem) -> IssuedCertificate {
    try Self.issued(
      try await value(
        IssuedCertificateResource.self, of: json(.POST, ["v1", "renew"], request)))
  }

  private static func issued(_ answer: IssuedCertificateResource) throws(Problem)
    -> IssuedCertificate
  {
    IssuedCertificate(
      chain: try certificates(Array(answer.certificate.utf8)),
      authorities: try certificates(Array(answer.authorities.utf8)),
      attachAddresses: answer.attachAddresses)
  }
}
