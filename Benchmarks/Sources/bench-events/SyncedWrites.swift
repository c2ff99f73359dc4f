import Glibc
import Measuring

/// What a disk takes to keep something: a write of a page into a file that has its size already, and its
/// fdatasync.
final class SyncedWrites {
  private let file: Int32
  private var offset = 0
  private let page = [UInt8](repeating: 0x5a, count: 4096)
  private static let size = 64 << 20

  init(in workspace: Workspace) throws {
    file = open(workspace.path + "/synced", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw MeasuringFailed("cannot make a file in \(workspace.path)") }
    // Written, not only allocated: then a sync has nothing to say about the file itself.
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    for _ in 0..<(Self.size / zeros.count) {
      guard write(file, zeros, zeros.count) == zeros.count else {
        throw MeasuringFailed("the disk is full")
      }
    }
    guard fsync(file) == 0 else { throw MeasuringFailed("fsync failed") }
  }

  deinit { close(file) }

  /// Keeps so many bytes.
  func keep(_ count: Int) throws {
    if offset + count > Self.size { offset = 0 }
    let bytes = [UInt8](repeating: 0x5a, count: count)
    guard pwrite(file, bytes, count, offset) == count, fdatasync(file) == 0 else {
      throw MeasuringFailed("fdatasync failed")
    }
    offset = (offset + count + page.count - 1) / page.count * page.count % Self.size
  }

  /// - Returns: the nanoseconds of one.
  func one() throws -> Int64 {
    let start = Measuring.clock()
    guard pwrite(file, page, page.count, offset) == page.count, fdatasync(file) == 0 else {
      throw MeasuringFailed("fdatasync failed")
    }
    offset = (offset + page.count) % Self.size
    return Measuring.clock() - start
  }
}
