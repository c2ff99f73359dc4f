internal import AsyncHTTPClient
public import ClusterModel
internal import HostPorts
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Talks to the HTTP API of one server, plain or as ``connect(to:with:connectTimeout:)`` knows it. One connection pool; ``shutdown()`` closes it. No proxy is
/// used, whatever the environment says.
///
/// Every call throws a ``Problem``: the server's own, or `server_unreachable` when there is none.
public struct APIClient: Sendable {
  /// How long an ordinary call may take.
  public static let callTimeout = Duration.seconds(120)
  /// How long an invocation may take: a little more than the longest that a module may run.
  public static let invocationTimeout = ActivationLimits.Range.wallTime.upperBound + .seconds(60)
  /// How long the server may take to let a connection in.
  public static let connectTimeout = Duration.seconds(5)
  /// The longest answer that is read into memory.
  public static let maximumAnswer = ByteCount.mebibytes(512)

  let server: ServerAddress
  let http: HTTPClient
  /// What is sent with each request; in no message.
  let authorization: String?

  /// - Parameters:
  ///   - server: `http://127.0.0.1:8080`.
  ///   - connectTimeout: how long a call waits for a connection, be it one of the pool that others use.
  /// - Throws: ``Problem`` with `server_address_invalid`.
  public init(
    server: String, connectTimeout: Duration = Self.connectTimeout
  ) throws(Problem) {
    try self.init(try ServerAddress(server), trusting: nil, token: nil, connectTimeout)
  }

  /// - Parameter authorities: DER; `nil` for those of the machine.
  init(
    _ address: ServerAddress, trusting authorities: [[UInt8]]?, token: AccessToken?,
    _ connectTimeout: Duration
  ) throws(Problem) {
    var configuration = Self.configuration(connectTimeout)
    var server = address
    if let authorities {
      do {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(
          try authorities.map { try NIOSSLCertificate(bytes: $0, format: .der) })
        configuration.tlsConfiguration = tls
      } catch {
        throw Problem(
          .invalidInput, code: "certificate_invalid", "there is no certificate that can be read",
          cause: "\(error)")
      }
      configuration.dnsOverride = [PlaneName.controlPlane: address.host]
      server = address.named(PlaneName.controlPlane)
    }
    self.server = server
    authorization = token.map { "Bearer " + $0.text }
    http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  /// The address of the server, as it was given.
  public var address: String { server.base }

  /// Closes the connections; calls that are under way fail.
  public func shutdown() async {
    // Closing twice is the only thing that can fail here, and it is no harm.
    try? await http.shutdown()
  }
}
