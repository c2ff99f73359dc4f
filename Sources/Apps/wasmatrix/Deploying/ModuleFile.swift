import ClusterModel
import LocalSystem
import ModuleTrust

/// A module from a file, with its signature if that is beside it. Whether it is any good is for the
/// registry to say, which records what it refuses.
struct ModuleFile {
  private let path: String
  private(set) var bytes: [UInt8]
  private(set) var detachedSignature: [UInt8]?

  /// More than any registry takes.
  private static let limit = ByteCount.mebibytes(256)

  /// What a detached signature's file is called.
  static func signaturePath(of path: String) -> String { path + ".sig" }

  /// Reads a module, and its detached signature: `signaturePath`, or the file beside it when the
  /// module holds no signature itself.
  ///
  /// - Throws: ``Problem`` when a file cannot be read.
  init(path: String, signaturePath: String? = nil) throws(Problem) {
    self.path = path
    bytes = try BoundedFile.read(path, role: "module", limit: Self.limit)
    let beside = Self.signaturePath(of: path)
    if let signaturePath {
      detachedSignature = try Self.signature(signaturePath)
    } else if !holdsSignature, BoundedFile.exists(beside) {
      detachedSignature = try Self.signature(beside)
    }
  }

  /// What the module is, whoever signed it.
  func digest() throws(Problem) -> ModuleDigest {
    do {
      return try SignatureVerifier.digest(of: bytes)
    } catch {
      throw problem(error)
    }
  }

  /// Signs the module in memory; what is in the file stays as it is.
  mutating func sign(with signer: ModuleSigner) throws(Problem) {
    do {
      bytes = try signer.embeddingSignature(in: bytes)
      detachedSignature = nil
    } catch {
      throw problem(error)
    }
  }

  /// A signature of the module for a file of its own.
  func detachedSignature(by signer: ModuleSigner) throws(Problem) -> [UInt8] {
    do {
      return try signer.detachedSignature(of: bytes)
    } catch {
      throw problem(error)
    }
  }

  private var holdsSignature: Bool {
    // What is no module holds none; the registry says what is wrong with it.
    (try? SignatureVerifier.isSigned(bytes)) ?? false
  }

  private static func signature(_ path: String) throws(Problem) -> [UInt8] {
    try BoundedFile.read(path, role: "signature", limit: .mebibytes(1))
  }

  private func problem(_ failure: TrustFailure) -> Problem {
    var problem = failure.problem
    problem.message = "\(path): \(problem.message)"
    return problem
  }
}
