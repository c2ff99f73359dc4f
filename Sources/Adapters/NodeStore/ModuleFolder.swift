import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import Glibc
import Synchronization

/// Modules as files named after their digest: `sha256/ab/cdef...`. When there is not room for one more, those
/// that no plan names go first, the one longest unused first of all. Every call but ``need(_:)`` blocks, and they
/// are made one after the other.
final class ModuleFolder: Sendable {
  /// A file, as far as its room matters.
  struct Kept: Hashable {
    var digest: ModuleDigest
    var size: Int
    /// When it was last used, in nanoseconds since 1970.
    var usedAt: Int64
  }

  static let damagedCode = "kept_module_damaged"
  private static let incoming = ".incoming"
  /// Nothing longer is ever kept.
  private static let longest = ByteCount.gibibytes(1)

  private let root: String
  private let capacity: ByteCount
  private let needed = Mutex<Set<ModuleDigest>>([])

  init(in folder: String, capacity: ByteCount) throws(Problem) {
    root = folder + "/sha256"
    self.capacity = capacity
    try SyncedFile.makeFolder(root)
    removeLeftovers()
  }

  /// These are not taken away for others.
  func need(_ digests: Set<ModuleDigest>) { needed.withLock { $0 = digests } }

  /// - Throws: ``Problem`` `kept_module_damaged`: it is not what its name says, and is gone now.
  func module(_ digest: ModuleDigest) throws(Problem) -> [UInt8]? {
    let file = place(of: digest).file
    guard let bytes = try SyncedFile.read(file, limit: Self.longest) else { return nil }
    guard ModuleDigest(sha256: Array(SHA256.hash(data: bytes))) == digest else {
      unlink(file)
      throw Problem(
        .internalFault, code: Self.damagedCode,
        "the module \(digest.short) on this node's disk is damaged, and was removed", cause: file,
        next: "Let the node attach: then it is fetched anew.")
    }
    // The newest use; when that cannot be noted it is merely taken for an older one.
    utimensat(AT_FDCWD, file, nil, 0)
    return bytes
  }

  /// - Throws: ``Problem`` `modules_full` when there is no room; or what the disk says.
  func keep(_ module: [UInt8], _ digest: ModuleDigest) throws(Problem) {
    let (folder, file) = place(of: digest)
    guard access(file, F_OK) != 0 else { return }
    guard
      let victims = Self.victims(
        among: kept(), toKeep: module.count, within: capacity.bytes,
        needed: needed.withLock { $0 })
    else {
      throw Problem(
        .overloaded, code: "modules_full",
        "there is no room to keep the module \(digest.short) on this node's disk",
        next: "The node fetches it at each start, and cannot run it when it boots alone.")
    }
    for victim in victims { unlink(place(of: victim).file) }
    try SyncedFile.makeFolder(folder)
    try SyncedFile.write(module, to: file, through: file + Self.incoming)
  }

  /// What goes so that there is room for `size` more; `nil` when what is needed leaves none.
  static func victims(
    among kept: [Kept], toKeep size: Int, within capacity: Int, needed: Set<ModuleDigest>
  ) -> [ModuleDigest]? {
    var used = kept.reduce(size) { $0 + $1.size }
    var victims: [ModuleDigest] = []
    let dispensable = kept.filter { !needed.contains($0.digest) }
      .sorted { ($0.usedAt, $0.digest.text) < ($1.usedAt, $1.digest.text) }
    for file in dispensable where used > capacity {
      used -= file.size
      victims.append(file.digest)
    }
    return used <= capacity ? victims : nil
  }

  private func kept() -> [Kept] {
    files().compactMap { folder, name in
      var status = stat()
      guard stat("\(root)/\(folder)/\(name)", &status) == 0,
        let digest = try? ModuleDigest("sha256:\(folder)\(name)")
      else { return nil }
      return Kept(
        digest: digest, size: Int(status.st_size),
        usedAt: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
    }
  }

  private func files() -> [(folder: String, name: String)] {
    let manager = FileManager.default
    // What cannot be listed is not counted; it is found again by its name.
    let folders = (try? manager.contentsOfDirectory(atPath: root)) ?? []
    return folders.filter { $0.utf8.count == 2 }.flatMap { folder in
      ((try? manager.contentsOfDirectory(atPath: root + "/" + folder)) ?? []).map { (folder, $0) }
    }
  }

  private func removeLeftovers() {
    for (folder, name) in files() where name.hasSuffix(Self.incoming) {
      unlink("\(root)/\(folder)/\(name)")
    }
  }

  private func place(of digest: ModuleDigest) -> (folder: String, file: String) {
    let name = digest.hexadecimal
    let folder = root + "/" + name.prefix(2)
    return (folder, folder + "/" + name.dropFirst(2))
  }
}
