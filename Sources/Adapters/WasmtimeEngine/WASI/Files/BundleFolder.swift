import ClusterModel
import Dispatch
import Glibc

/// The files of a module, unpacked: there as long as the module is prepared, for reading alone.
final class BundleFolder: Sendable {
  let path: String
  private let folders: ScratchFolders

  /// Unpacks the files of a module; `nil` when it has none.
  ///
  /// - Throws: ``Problem`` `bundle_invalid`, `bundle_unusable`.
  static func unpack(
    _ module: [UInt8], in folders: ScratchFolders
  ) async throws(Problem) -> BundleFolder? {
    guard let bundle = try FileBundle.find(in: module) else { return nil }
    // The disk may take its time: on a thread where that holds up nobody.
    let result: Result<BundleFolder, Problem> = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          returning: Result { () throws(Problem) in try BundleFolder(bundle, in: folders) })
      }
    }
    return try result.get()
  }

  private init(_ bundle: FileBundle, in folders: ScratchFolders) throws(Problem) {
    let made: (path: String, number: Int32)
    do throws(WASIError) { made = try folders.make() } catch { throw Self.unusable(".", errno) }
    path = made.path
    self.folders = folders
    defer { close(made.number) }
    // Nothing but ourselves writes there, and no entry is a link: paths lead where they say.
    for entry in bundle.entries {
      let code = Self.write(entry, in: made.number)
      guard code == 0 else { throw Self.unusable(entry.path, code) }
    }
  }

  deinit {
    let (path, folders) = (path, folders)
    Task { await folders.remove(path) }
  }

  /// - Returns: 0, or the `errno` that stopped it.
  private static func write(_ entry: FileBundle.Entry, in folder: Int32) -> Int32 {
    guard let contents = entry.contents else {
      return mkdirat(folder, entry.path, 0o700) == 0 ? 0 : errno
    }
    let file = openat(folder, entry.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o400)
    guard file >= 0 else { return errno }
    defer { close(file) }
    var written = 0
    while written < contents.count {
      let count = contents.withUnsafeBytes { bytes in
        Glibc.write(file, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      }
      if count > 0 { written += count } else if errno != EINTR { return errno }
    }
    return 0
  }

  private static func unusable(_ path: String, _ code: Int32) -> Problem {
    Problem(
      .internalFault, code: "bundle_unusable",
      "the files of the module cannot be unpacked: \(path)",
      cause: strerror(code).map { String(cString: $0) },
      next: "See whether the disk of the node is full.")
  }
}
