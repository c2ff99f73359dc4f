import ClusterModel
import HostPorts
import Synchronization

/// One file that does not fit into one answer.
final class SampleBackups: BackupService {
  let bytes: [UInt8]
  let contents: BackupContents
  let isKept = Mutex(false)

  init() {
    var bytes = [UInt8](repeating: 1, count: 5_000_000)
    // So that a piece at the wrong place is noticed.
    bytes[4 << 20] = 2
    bytes[bytes.count - 1] = 3
    self.bytes = bytes
    contents = BackupContents(
      id: "a1", madeAt: WallInstant(microseconds: 1_000_000),
      files: [BackupContents.File(name: "events.sqlite", sizeBytes: bytes.count, sha256: "00")])
  }

  func makeBackup() async throws(Problem) -> BackupContents {
    isKept.withLock { $0 = true }
    return contents
  }

  func readBackup(
    _ id: String, file name: String, from offset: Int, atMost count: ByteCount
  ) async throws(Problem) -> [UInt8] {
    try check(id, name)
    return Array(bytes.dropFirst(offset).prefix(count.bytes))
  }

  func removeBackup(_ id: String) async throws(Problem) {
    try check(id, contents.files[0].name)
    isKept.withLock { $0 = false }
  }

  private func check(_ id: String, _ name: String) throws(Problem) {
    guard isKept.withLock({ $0 }), id == contents.id, name == contents.files[0].name else {
      throw Problem(.notFound, code: "backup_unknown", "no \(name) of \(id)")
    }
  }
}
