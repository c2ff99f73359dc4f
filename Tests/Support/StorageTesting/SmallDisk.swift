import Foundation
import Glibc
import ProcessTesting

/// A file system that is soon full; only the superuser can make one.
public final class SmallDisk: Sendable {
  public let path = ScratchFolder.path("disk")

  /// Whether this process may mount one.
  public static let isPossible = (try? SmallDisk(kibibytes: 64)) != nil

  public init(kibibytes: Int) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(kibibytes)k") == 0 else {
      throw CocoaError(.fileWriteNoPermission)
    }
  }

  deinit {
    // Lazily: a file that a failed test left open must not keep it. What cannot be unmounted goes
    // with the process.
    umount2(path, Int32(MNT_DETACH))
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Takes all room that is left, with a file of its own.
  public func fill() {
    let chunk = [UInt8](repeating: 1, count: 4096)
    let descriptor = open(path + "/ballast", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    while write(descriptor, chunk, chunk.count) > 0 {}
    close(descriptor)
  }

  /// Gives the room back that ``fill()`` took.
  public func makeRoom() { unlink(path + "/ballast") }
}
