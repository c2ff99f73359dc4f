import ClusterModel
import GRPCNIOTransportHTTP2Posix
import HostPorts
import Logging
import NIOCertificateReloading
import NIOSSL
import Synchronization

/// Mutual TLS of the wire: both ends show a certificate, and believe the authorities of the cluster only.
enum WireTLS {
  /// - Throws: ``Problem`` when the identity cannot be used.
  static func server(
    _ identity: TLSIdentity, _ reloader: IdentityReloader
  ) throws(Problem) -> HTTP2ServerTransport.Posix.TransportSecurity {
    try reloader.take(identity)
    do {
      return try .mTLS(certificateReloader: reloader) { tls in
        tls.trustRoots = trust(identity)
        tls.requireALPN = true
      }
    } catch {
      throw unusable("\(error)")
    }
  }

  /// Of an agent's own service: whoever calls shows a token.
  static func openServer(
    _ identity: TLSIdentity, _ reloader: IdentityReloader
  ) throws(Problem) -> HTTP2ServerTransport.Posix.TransportSecurity {
    try reloader.take(identity)
    do {
      return try .tls(certificateReloader: reloader) { tls in tls.requireALPN = true }
    } catch {
      throw unusable("\(error)")
    }
  }

  static func client(
    _ identity: TLSIdentity
  ) -> HTTP2ClientTransport.Posix.TransportSecurity {
    .mTLS(
      certificateChain: identity.certificateChain.map { .bytes($0, format: .der) },
      privateKey: .bytes(identity.privateKey, format: .der)
    ) { tls in
      tls.trustRoots = trust(identity)
      // Of the name in the authority of the connection, which is that of control planes.
      tls.serverCertificateVerification = .fullVerification
    }
  }

  private static func trust(_ identity: TLSIdentity) -> TLSConfig.TrustRootsSource {
    .certificates(identity.authorities.map { .bytes($0, format: .der) })
  }

  fileprivate static func unusable(_ cause: String) -> Problem {
    Problem(
      .internalFault, code: "identity_unusable", "the certificate of this plane cannot be used",
      cause: cause, next: "Look at the data folder with `wasmatrix doctor`.")
  }
}

/// Shows new connections the newest certificate.
final class IdentityReloader: CertificateReloader {
  private let newest = Mutex<NIOSSLContextConfigurationOverride>(.noChanges)

  var sslContextConfigurationOverride: NIOSSLContextConfigurationOverride {
    newest.withLock { $0 }
  }

  func take(_ identity: TLSIdentity) throws(Problem) {
    do {
      var override = NIOSSLContextConfigurationOverride.noChanges
      override.certificateChain = try identity.certificateChain.map {
        .certificate(try NIOSSLCertificate(bytes: $0, format: .der))
      }
      override.privateKey = .privateKey(
        try NIOSSLPrivateKey(bytes: identity.privateKey, format: .der))
      newest.withLock { [override] in $0 = override }
    } catch {
      throw WireTLS.unusable("\(error)")
    }
  }

  /// How often a renewed certificate is looked for.
  private static let renewalInterval = Duration.seconds(5)

  /// Until it is cancelled.
  func keepRenewed(from identity: any IdentitySource, _ logger: Logger) async throws {
    while true {
      try await Task.sleep(for: Self.renewalInterval)
      do {
        try take(try await identity.identity())
      } catch {
        logger.warning("the certificate cannot be renewed", metadata: ["problem": "\(error)"])
      }
    }
  }
}

enum WireAddress {
  /// - Parameter host: an address of this machine.
  static func of(_ host: String, _ port: Int) -> GRPCNIOTransportHTTP2Posix.SocketAddress {
    let host = host == "localhost" ? "127.0.0.1" : host
    return host.contains(":") ? .ipv6(host: host, port: port) : .ipv4(host: host, port: port)
  }
}
