import ClusterModel
import Glibc

/// The files of a folder that several processes may use and others may have planted things in. It follows
/// no links, waits for no pipe, and takes only plain files that belong to us and that nobody else may
/// change.
final class CacheFolder: Sendable {
  /// How a file is put into its place.
  enum Placing {
    /// Whatever is there is replaced.
    case replacing
    /// Only when nothing is there.
    case asFirst
  }

  struct Entry {
    var name: String
    var bytes: Int
    /// Seconds since 1970.
    var usedAt: Int
  }

  private let descriptor: Int32

  /// Opens the folder, and makes it when it is not there.
  ///
  /// - Throws: ``Problem`` `cache_unusable`.
  init(_ path: String) throws(Problem) {
    if mkdir(path, 0o700) != 0, errno != EEXIST { throw Self.problem(path, Self.lastError) }
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.problem(path, Self.lastError) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0, facts.st_uid == geteuid(), facts.st_mode & 0o022 == 0
    else {
      close(descriptor)
      throw Self.problem(path, "it belongs to somebody else, or others may write to it")
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  private static var lastError: String { String(cString: strerror(errno)) }

  static func problem(_ path: String, _ cause: String) -> Problem {
    Problem(
      .internalFault, code: "cache_unusable", "the compile cache \(path) cannot be used",
      cause: cause, next: "Check the folder's owner, permissions (700) and disk.")
  }

  /// A whole file, and remembers that it was used; `nil` when it is not there, or not as it has to be.
  ///
  /// - Parameter isSecret: nobody else may even read it.
  func read(_ name: String, upTo limit: Int, isSecret: Bool = false) -> [UInt8]? {
    let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var facts = stat()
    let forbidden: mode_t = isSecret ? 0o077 : 0o022
    guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG,
      facts.st_uid == geteuid(), facts.st_mode & forbidden == 0, facts.st_size <= limit
    else { return nil }
    let size = Int(facts.st_size)
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size, let base = buffer.baseAddress {
        let got = Glibc.read(file, base + count, size - count)
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { return }
        count += got
      }
    }
    // Only so that trimming takes others first; failing is harmless, and a minute is near enough.
    if time(nil) - facts.st_mtim.tv_sec > 60 { futimens(file, nil) }
    return bytes.count == size ? bytes : nil
  }

  /// Writes a file so that others see it whole or not at all.
  ///
  /// - Returns: whether it is there now.
  func write(_ parts: [UnsafeRawBufferPointer], to name: String, _ placing: Placing) -> Bool {
    let draft = "\(name).\(getpid()).\(UInt32.random(in: 0 ... .max))\(Self.draftSuffix)"
    let file = openat(
      descriptor, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { return false }
    let isWritten = parts.allSatisfy { Self.write($0, to: file) }
    let isClosed = close(file) == 0
    defer { unlinkat(descriptor, draft, 0) }
    guard isWritten, isClosed else { return false }
    switch placing {
    case .replacing: return renameat(descriptor, draft, descriptor, name) == 0
    case .asFirst: return linkat(descriptor, draft, descriptor, name, 0) == 0
    }
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to file: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  func remove(_ name: String) { unlinkat(descriptor, name, 0) }

  /// The suffix of files that are being written.
  static let draftSuffix = ".tmp"

  /// What lies in it; empty when it cannot be listed.
  func entries() -> [Entry] {
    let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { return [] }
    guard let listing = fdopendir(copy) else {
      close(copy)
      return []
    }
    defer { closedir(listing) }
    var entries: [Entry] = []
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      var facts = stat()
      guard fstatat(descriptor, name, &facts, AT_SYMLINK_NOFOLLOW) == 0,
        facts.st_mode & S_IFMT != S_IFDIR
      else { continue }
      entries.append(
        Entry(name: name, bytes: Int(facts.st_size), usedAt: facts.st_mtim.tv_sec))
    }
    return entries
  }
}
