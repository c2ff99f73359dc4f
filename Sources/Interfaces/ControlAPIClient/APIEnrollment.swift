public import ClusterModel
internal import ControlAPIModel
public import HostPorts

/// How a node gets certificates: over the HTTP API of the control plane.
public struct APIEnrollment: NodeEnrollment {
  private let server: String

  /// - Parameter server: the address of the API: `https://10.0.0.1:8080`; plain only on this machine.
  public init(server: String) { self.server = server }

  public func join(_ node: NodeID, with token: AccessToken, request: String) async throws(Problem)
    -> IssuedCertificate
  {
    try await ask(.pinned(token.authority)) { (client) async throws(Problem) in
      try await client.join(JoinNodeRequest(token: token.text, node: node, request: request))
    }
  }

  public func renew(
    _ certificate: String, request: String, signature: [UInt8], trusting authorities: [[UInt8]]
  ) async throws(Problem) -> IssuedCertificate {
    try await ask(.authorities(authorities)) { (client) async throws(Problem) in
      try await client.renew(
        RenewCertificateRequest(
          certificate: certificate, request: request, signature: signature))
    }
  }

  private func ask(
    _ trust: ClientCredentials.Trust,
    _ body: (APIClient) async throws(Problem) -> IssuedCertificate
  ) async throws(Problem) -> IssuedCertificate {
    let client = try await APIClient.connect(
      to: server, with: ClientCredentials(trust: trust, sendsSecrets: true))
    do throws(Problem) {
      let issued = try await body(client)
      await client.shutdown()
      return issued
    } catch {
      await client.shutdown()
      throw error
    }
  }
}
