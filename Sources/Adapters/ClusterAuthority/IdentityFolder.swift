import ClusterModel
import DurableSQLite
import Foundation

/// The folder `identity/` of an agent's data folder. Each file is there whole or not at all, and nobody but
/// the owner may read it.
struct IdentityFolder: Sendable {
  /// The identity that is shown.
  struct Identity: Codable, Sendable {
    var node: NodeID
    /// PKCS #8, PEM.
    var key: String
    /// DER; its own certificate first.
    var chain: [[UInt8]]
    var authorities: [[UInt8]]
    var attachAddresses: [String]
    /// The token that it joined with last, which is good for no second time; `nil` in what earlier releases
    /// wrote.
    var joinedWith: KeptHash?
  }

  /// A key that a certificate was asked for. The answer may have been lost: then it is asked again with the
  /// same key, as the token is good for no other.
  struct Joining: Codable, Sendable {
    var token: KeptHash
    var node: NodeID
    var key: String
  }

  private static let identityFile = "identity.json"
  private static let joiningFile = "joining.json"
  private static let longest = ByteCount.mebibytes(1)

  let path: String

  /// Blocks, as all of these do.
  func identity() throws(Problem) -> Identity? { try read(Self.identityFile) }
  func joining() throws(Problem) -> Joining? { try read(Self.joiningFile) }
  func keep(_ joining: Joining) throws(Problem) { try write(joining, Self.joiningFile) }

  /// A key that was asked with is needed no more once there is an identity.
  func keep(_ identity: Identity) throws(Problem) {
    try write(identity, Self.identityFile)
    unlink(path + "/" + Self.joiningFile)
  }

  private func read<Value: Decodable>(_ name: String) throws(Problem) -> Value? {
    let file = path + "/" + name
    guard let bytes = try SyncedFile.read(file, limit: Self.longest) else { return nil }
    do { return try JSONDecoder().decode(Value.self, from: Data(bytes)) } catch {
      throw Problem(
        .internalFault, code: "identity_damaged", "the node's identity in \(file) is damaged",
        cause: "\(error)",
        next: "Remove the folder, and join again with a new token: `wasmatrix token create --join`."
      )
    }
  }

  private func write(_ value: some Encodable, _ name: String) throws(Problem) {
    let file = path + "/" + name
    try SyncedFile.makeFolder(path)
    let bytes: Data
    do { bytes = try JSONEncoder().encode(value) } catch {
      throw Problem(
        .internalFault, code: "identity_unwritable", "the node's identity cannot be written",
        cause: "\(error)")
    }
    try SyncedFile.write(Array(bytes), to: file, through: file + ".incoming")
  }
}
