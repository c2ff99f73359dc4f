public import ClusterModel
import Crypto

/// Makes what two agents share to exchange echoes: the same whenever it is made of the same secret for the
/// same starts of both.
public struct PairSecrets: Sendable {
  private let key: SymmetricKey

  /// - Parameter random: nobody may be able to guess what it says.
  public init(using random: inout some RandomNumberGenerator) {
    key = SymmetricKey(data: HeartbeatKey(using: &random).bytes)
  }

  /// The session of a pair; the first is the one whose name comes first.
  public func session(
    _ one: (node: NodeID, incarnation: Incarnation),
    _ other: (node: NodeID, incarnation: Incarnation)
  ) -> (session: HeartbeatSession, first: NodeID) {
    let (first, second) = one.node < other.node ? (one, other) : (other, one)
    let name =
      "\(first.node) \(first.incarnation.number) \(second.node) \(second.incarnation.number)"
    let id = bytes("session \(name)").prefix(HeartbeatSessionID.size)
    guard let id = try? HeartbeatSessionID(id), let key = try? HeartbeatKey(bytes("key \(name)"))
    else { preconditionFailure("a code has 32 bytes") }
    return (
      HeartbeatSession(id: id, key: key, node: first.node, incarnation: first.incarnation),
      first.node
    )
  }

  private func bytes(_ text: String) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
  }
}
