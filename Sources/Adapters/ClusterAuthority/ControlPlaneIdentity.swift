public import AccessRules
public import ClusterModel
import Crypto
import Glibc
public import HostPorts

/// What the control plane shows of itself. Its key is never on the disk: whoever has the authority makes a new
/// one, at each start and when two thirds of a certificate's life are over.
public actor ControlPlaneIdentity: IdentitySource {
  private struct Current {
    var identity: TLSIdentity
    /// Within which it is shown; before, the clock was set back.
    var use: Range<WallInstant>
  }

  private let authority: ClusterAuthority
  private let names: [String]
  private let life: Duration
  private let clock: any HostClock
  private var current: Current?

  /// Further names that a certificate carries at the most.
  public static let maximumNames = 32

  /// - Parameters:
  ///   - names: DNS names and addresses beside those that every control plane has.
  ///   - life: of one certificate; default: a day.
  public init(
    _ authority: ClusterAuthority, names: [String] = [],
    life: Duration = CertificateRules().controlPlaneLife, clock: any HostClock
  ) {
    self.authority = authority
    self.life = life
    self.clock = clock
    var all = [PlaneName.controlPlane, "localhost", "127.0.0.1", "::1"]
    for name in [Self.hostName()].compactMap({ $0 }) + names.prefix(Self.maximumNames)
    where !all.contains(name) { all.append(name) }
    self.names = all
  }

  public func identity() async throws(Problem) -> TLSIdentity {
    let now = clock.now().wall
    if let current, current.use.contains(now) { return current.identity }
    let key = P256.Signing.PrivateKey()
    let chain = try authority.issueControlPlane(key.publicKey, names: names, at: now, life: life)
    let identity = TLSIdentity(
      certificateChain: chain, privateKey: Array(key.derRepresentation),
      authorities: authority.authorities)
    current = Current(
      identity: identity,
      use: now
        - CertificateRules.backdating..<CertificateRules.renewal(
          issued: now, expires: now + life))
    return identity
  }

  private static func hostName() -> String? {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return nil }
    let name = String(
      decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let isName = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    return isName ? name : nil
  }
}
