import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import SwiftASN1
import X509

/// The folder `authority/` of a data folder: the key and the certificates. It gets its name when both halves
/// are in it and on the disk.
enum AuthorityFolder {
  static let name = "authority"
  private static let incoming = "authority.incoming"
  private static let key = "key.pem"
  private static let certificates = "certificates.pem"
  private static let longest = ByteCount.kibibytes(64)

  struct Content {
    var key: P256.Signing.PrivateKey
    /// The first is that of the key.
    var certificates: [Certificate]
  }

  /// What is there; made when nothing is. Blocks.
  ///
  /// - Throws: ``Problem`` `authority_incomplete`, `authority_damaged`, or what the disk says.
  static func load(in dataFolder: String, at now: WallInstant) throws(Problem) -> Content {
    let folder = dataFolder + "/" + name
    if let content = try read(folder) { return content }
    try make(dataFolder, at: now)
    guard let content = try read(folder) else { throw damaged(folder, "it is gone again") }
    return content
  }

  private static func read(_ folder: String) throws(Problem) -> Content? {
    guard FileManager.default.fileExists(atPath: folder) else { return nil }
    let keyText = try SyncedFile.read(folder + "/" + key, limit: longest)
    let certificateText = try SyncedFile.read(folder + "/" + certificates, limit: longest)
    guard let keyText, let certificateText else {
      throw Problem(
        .internalFault, code: "authority_incomplete",
        "the authority in \(folder) is half missing: there is no \(keyText == nil ? key : certificates)",
        next:
          "Bring back both of its files from where you keep copies, or move the folder away: then a "
          + "new authority is made, and every node and user needs a new token.")
    }
    do {
      let privateKey = try P256.Signing.PrivateKey(
        pemRepresentation: String(decoding: keyText, as: UTF8.self))
      let list = try PEMText.certificates(String(decoding: certificateText, as: UTF8.self))
      guard let first = list.first else { throw damaged(folder, "\(certificates) holds none") }
      guard Certificate.PublicKey(privateKey.publicKey) == first.publicKey else {
        throw damaged(folder, "\(key) and \(certificates) do not belong together")
      }
      return Content(key: privateKey, certificates: list)
    } catch {
      throw (error as? Problem).flatMap { $0.code == "authority_damaged" ? $0 : nil }
        ?? damaged(folder, "\(error)")
    }
  }

  private static func make(_ dataFolder: String, at now: WallInstant) throws(Problem) {
    let temporary = dataFolder + "/" + incoming
    // What an interrupted start left: nobody ever saw it.
    try? FileManager.default.removeItem(atPath: temporary)
    try SyncedFile.makeFolder(temporary)
    let privateKey = P256.Signing.PrivateKey()
    let text: String
    do {
      text = try CertificateTemplate.authority(privateKey, at: now).serializeAsPEM().pemString
    } catch {
      throw Problem(
        .internalFault, code: "authority_unmakeable", "the authority cannot be made",
        cause: "\(error)")
    }
    for (file, content) in [(key, privateKey.pemRepresentation), (certificates, text)] {
      try SyncedFile.write(
        Array((content + "\n").utf8), to: temporary + "/" + file,
        through: temporary + "/" + file + ".incoming")
    }
    guard rename(temporary, dataFolder + "/" + name) == 0 else {
      throw StorageProblem.from(errno: errno, doing: "rename", file: dataFolder + "/" + name)
    }
    try SyncedFile.syncFolder(dataFolder)
  }

  private static func damaged(_ folder: String, _ cause: String) -> Problem {
    Problem(
      .internalFault, code: "authority_damaged", "the authority in \(folder) is damaged",
      cause: cause,
      next: "Bring back its files from where you keep copies, or move the folder away: then a new "
        + "authority is made, and every node and user needs a new token.")
  }
}
