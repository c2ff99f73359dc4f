public import HostPorts

/// Whom the API lets in, and how.
///
///     APIAccess(service: access, identity: nil)        // loopback only, plain; a token is not needed
///     APIAccess(service: access, identity: identity)   // TLS; a token always
public struct APIAccess: Sendable {
  /// Knows tokens and nodes.
  public var service: any AccessService
  /// What the server shows of itself. With it the API speaks TLS, wants a token with each request, and may
  /// be listened for anywhere; without it, plain HTTP on a loopback address.
  public var identity: (any IdentitySource)?

  public init(service: any AccessService, identity: (any IdentitySource)?) {
    self.service = service
    self.identity = identity
  }
}
