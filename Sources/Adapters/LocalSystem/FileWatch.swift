import Glibc

/// Tells when files have changed and come to rest, by what `stat` says of them; someone calls
/// ``poll()`` again and again.
///
///     quiet ── a file differs ──> moving ── nothing differs for a poll ──> changed, quiet
///
/// A file that is missing is given some polls to come back: compilers remove before they write.
public struct FileWatch: Sendable {
  /// What tells one state of a file from another without reading it.
  private struct Fingerprint: Equatable, Sendable {
    var device: UInt
    var inode: UInt
    var size: Int
    var seconds: Int
    var nanoseconds: Int

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      device = UInt(status.st_dev)
      inode = UInt(status.st_ino)
      size = Int(status.st_size)
      seconds = status.st_mtim.tv_sec
      nanoseconds = status.st_mtim.tv_nsec
    }
  }

  /// The most files that are watched: enough for any manifest, and cheap at five polls a second.
  public static let maximumFiles = 1000
  /// How long a missing file is waited for.
  public static let pollsForMissing = 5

  private var paths: [String] = []
  private var last: [Fingerprint?] = []
  /// How often nothing has differed since something did; `nil` when nothing has moved.
  private var calmPolls: Int?

  /// Begins with the files as they are now.
  public init(_ paths: [String]) { follow(paths) }

  /// Watches these files from now on. Of those that were watched before, no change is missed.
  public mutating func follow(_ paths: [String]) {
    let known = Dictionary(zip(self.paths, last)) { first, _ in first }
    self.paths = Array(paths.prefix(Self.maximumFiles))
    last = self.paths.map { path in known[path] ?? Fingerprint(path) }
  }

  /// Looks at the files. True once after each change, when it has come to rest.
  public mutating func poll() -> Bool {
    let now = paths.map(Fingerprint.init)
    defer { last = now }
    guard now == last else {
      calmPolls = 0
      return false
    }
    guard let calm = calmPolls else { return false }
    let needed = now.contains(nil) ? Self.pollsForMissing : 1
    guard calm + 1 >= needed else {
      calmPolls = calm + 1
      return false
    }
    calmPolls = nil
    return true
  }
}
