import Foundation
import Glibc

/// Where tests put their files: one folder for each process of tests, which goes when that ends, however its
/// tests ended. What a process left that was killed goes with the next one.
public enum ScratchFolder {
  private static let prefix = "wasmatrix-tests-"

  private static let root: String = {
    sweep()
    let path = NSTemporaryDirectory() + prefix + "\(getpid())"
    // Whoever cannot write into it hears so from what they write.
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    atexit { ScratchFolder.remove() }
    return path
  }()

  /// A path that nobody else was given. Nothing is there yet.
  public static func path(_ name: String) -> String { "\(root)/\(name)-\(UUID().uuidString)" }

  private static func remove() { try? FileManager.default.removeItem(atPath: root) }

  private static func sweep() {
    let folder = NSTemporaryDirectory()
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix(prefix) {
      guard let process = pid_t(name.dropFirst(prefix.count)), kill(process, 0) != 0,
        errno == ESRCH
      else { continue }
      try? FileManager.default.removeItem(atPath: folder + name)
    }
  }
}
