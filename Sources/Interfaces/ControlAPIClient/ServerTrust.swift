internal import AsyncHTTPClient
public import ClusterModel
internal import Crypto
internal import HostPorts
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// How a client knows the right server from a false one, and what it shows of itself.
public struct ClientCredentials: Sendable {
  /// What the server must show.
  public enum Trust: Hashable, Sendable {
    /// A certificate that the machine trusts, for the name in the address.
    case system
    /// An authority with this fingerprint: it is asked for its certificate, and believed when that fits.
    case pinned(AuthorityFingerprint)
    /// One of these authorities; DER.
    case authorities([[UInt8]])
  }

  public var trust: Trust
  /// A user's token; never sent in the clear beyond this machine, nor before the server is known.
  public var token: AccessToken?
  /// Whether requests hold other secrets, such as join tokens: they are sent no other way than a token.
  public var sendsSecrets: Bool

  public init(trust: Trust = .system, token: AccessToken? = nil, sendsSecrets: Bool = false) {
    self.trust = trust
    self.token = token
    self.sendsSecrets = sendsSecrets || token != nil
  }
}

extension APIClient {
  /// Longer than the certificates of a few authorities.
  private static let longestAuthority = 64 << 10

  /// A client for a server that it knows. Over TLS the server must show a certificate for a control plane
  /// that leads to a trusted authority; where it listens does not matter.
  ///
  /// - Throws: ``Problem`` `server_address_invalid`, `authority_wrong`, `token_in_the_clear`, or why the
  ///   server cannot be asked for its authority.
  public static func connect(
    to server: String, with credentials: ClientCredentials,
    connectTimeout: Duration = Self.connectTimeout
  ) async throws(Problem) -> APIClient {
    let address = try ServerAddress(server)
    guard address.isSecure || address.isLoopback || !credentials.sendsSecrets else {
      throw Problem(
        .refused, code: "token_in_the_clear",
        "a token is not sent to \(address.base), where others could read it",
        next: "Write https:// before the address of the server.")
    }
    var authorities: [[UInt8]]?
    switch credentials.trust {
    case .system: break
    case .authorities(let given): authorities = given
    case .pinned(let fingerprint):
      authorities = [try await authority(fingerprint, of: address, connectTimeout)]
    }
    return try APIClient(
      address, trusting: address.isSecure ? authorities : nil, token: credentials.token,
      connectTimeout)
  }

  /// The certificate that a token names. Who answers is not known yet; that does not matter, as nobody else
  /// has one with this fingerprint.
  private static func authority(
    _ fingerprint: AuthorityFingerprint, of server: ServerAddress, _ connectTimeout: Duration
  ) async throws(Problem) -> [UInt8] {
    for certificate in try await authorities(of: server, connectTimeout)
    where AuthorityFingerprint(sha256: Array(SHA256.hash(data: certificate))) == fingerprint {
      return certificate
    }
    throw Problem(
      .refused, code: "authority_wrong",
      "the server at \(server.base) belongs to another cluster than the token: none of its authorities "
        + "has the fingerprint \(fingerprint)",
      next: "See that --server is right. If it is, somebody may be between; do not trust it.")
  }

  /// What a server says its authorities are; nobody has checked that.
  static func authorities(
    of server: ServerAddress, _ connectTimeout: Duration
  ) async throws(Problem) -> [[UInt8]] {
    var configuration = configuration(connectTimeout)
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    configuration.tlsConfiguration = tls
    let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let result: Result<[[UInt8]], any Error>
    do {
      let response = try await http.execute(
        HTTPClientRequest(url: server.url(["v1", "authority"])),
        timeout: .nanoseconds(callTimeout.nanoseconds))
      let body = try await response.body.collect(upTo: longestAuthority)
      guard response.status == .ok else {
        throw Problem(
          .internalFault, code: "answer_unexpected",
          "\(server.base) answered with status \(response.status.code) when asked for its authority",
          next: "See that the address is that of a WasmMatrix server of this version.")
      }
      result = .success(try certificates(Array(body.readableBytesView)))
    } catch { result = .failure(error) }
    try? await http.shutdown()
    do { return try result.get() } catch {
      if let spoken = await tlsInstead(error, server) { throw spoken }
      throw problem(of: error, server: server)
    }
  }

  /// The certificates in a text; DER.
  ///
  /// - Throws: ``Problem`` `certificate_invalid`.
  public static func certificates(_ pem: [UInt8]) throws(Problem) -> [[UInt8]] {
    do {
      let certificates = try NIOSSLCertificate.fromPEMBytes(pem).map { try $0.toDERBytes() }
      guard !certificates.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
      return certificates
    } catch {
      throw Problem(
        .invalidInput, code: "certificate_invalid", "there is no certificate that can be read",
        cause: "\(error)", next: "It is in PEM form, as `GET /v1/authority` answers.")
    }
  }

  static func configuration(_ connectTimeout: Duration) -> HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: .nanoseconds(connectTimeout.nanoseconds)))
    configuration.connectionPool.retryConnectionEstablishment = false
    return configuration
  }

  /// What TLS found wrong; `nil` when that is not it.
  static func tlsProblem(_ error: any Error, server: ServerAddress) -> Problem? {
    if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
      return Problem(
        .refused, code: "server_name_wrong",
        "the certificate at \(server.base) is not one of a control plane of this cluster",
        cause: "\(error)", next: "See that --server is the address of the control plane.")
    }
    let text = "\(error)"
    guard error is NIOSSLError || text.contains("BoringSSL") else { return nil }
    if text.contains("CERTIFICATE_VERIFY_FAILED") {
      return Problem(
        .refused, code: "server_not_trusted",
        "the certificate at \(server.base) does not lead to an authority that is trusted here, or has expired",
        cause: text,
        next:
          "Name a token of that cluster with --token, or its authority with --authority FILE; see "
          + "that the clocks are right.")
    }
    if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
      return Problem(
        .unavailable, code: "server_speaks_no_tls",
        "the server at \(server.base) does not speak TLS",
        cause: text, next: "Write http:// before its address, on this machine.")
    }
    return Problem(
      .unavailable, code: "tls_failed", "no secure connection to \(server.base)", cause: text,
      next: "See that the address is that of a WasmMatrix server.")
  }
}
