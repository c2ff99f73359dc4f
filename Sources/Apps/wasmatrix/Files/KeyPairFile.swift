import ClusterModel
import Crypto
import LocalSystem
import ModuleTrust

/// Key pairs in files.
enum KeyPairFile {
  /// The largest file that is looked at; a key pair has 65 bytes.
  private static let limit = ByteCount.kibibytes(4)

  /// Makes a key pair from the system's randomness, in a file that its owner alone can read.
  ///
  /// - Throws: ``Problem`` with `file_exists` when there is a file already.
  static func generate(_ path: String) throws(Problem) -> ModuleSigner {
    let signer = try ModuleSigner(Curve25519.Signing.PrivateKey())
    try AtomicFile.write(signer.keyPair, to: path, mode: 0o600, existing: .refuse)
    return signer
  }

  static func read(_ path: String) throws(Problem) -> ModuleSigner {
    try ModuleSigner(keyPair: try BoundedFile.read(path, role: "key", limit: limit))
  }
}
