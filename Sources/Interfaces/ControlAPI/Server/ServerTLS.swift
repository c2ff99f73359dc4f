internal import ClusterModel
internal import HostPorts
internal import NIOCore
internal import NIOSSL

/// TLS as the API speaks it: each new connection is shown the identity of that moment.
enum ServerTLS {
  /// - Throws: ``Problem`` when there is no identity that holds.
  static func configuration(_ source: any IdentitySource) async throws -> TLSConfiguration {
    let identity = try await source.identity()
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: try chain(identity), privateKey: try key(identity))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    configuration.sslContextCallback = { _, promise in
      promise.completeWithTask {
        let identity = try await source.identity()
        var now = NIOSSLContextConfigurationOverride()
        now.certificateChain = try chain(identity)
        now.privateKey = try key(identity)
        return now
      }
    }
    return configuration
  }

  private static func chain(_ identity: TLSIdentity) throws -> [NIOSSLCertificateSource] {
    try identity.certificateChain.map {
      .certificate(try NIOSSLCertificate(bytes: $0, format: .der))
    }
  }

  private static func key(_ identity: TLSIdentity) throws -> NIOSSLPrivateKeySource {
    .privateKey(try NIOSSLPrivateKey(bytes: identity.privateKey, format: .der))
  }
}
