import ClusterModel
import DurableSQLite
import Glibc

/// The journal of the event log: two files that take turns. One is written from its beginning again when
/// all that was in it is in the tables. They keep their length: writing over what is there costs a disk less
/// than making a file longer. Every call blocks.
struct JournalFiles: Sendable {
  private struct File: Sendable {
    let path: String
    let descriptor: Int32
    /// Bytes that the disk has given it.
    var size: Int
  }

  private var files: [File]
  private var current = 0
  private var position = 0
  /// Whether the last frame was written and could not be synced: it may be found at the next start.
  private(set) var isInDoubt = false

  /// A file that is longer than this is not gone on with: long enough that the tables have what is in the other
  /// one by then, also while very much is published. A start after a crash reads both.
  private static let turn = 4 << 20
  /// By how much a file is made longer.
  private static let growth = 256 << 10
  /// Longer is none: what is written at once, and where a turn is due, with room to spare.
  private static let longest = 64 << 20
  /// How long the files may be held by the run before this one, which is ending: in steps, in microseconds.
  private static let (patience, step) = (500, UInt32(10_000))

  /// - Throws: ``Problem`` `data_folder_in_use` when another event log holds them, or what the disk says.
  init(in folder: String) throws(Problem) {
    files = []
    do throws(Problem) {
      for name in ["events.journal-0", "events.journal-1"] {
        files.append(try Self.open(folder + "/" + name))
      }
      try SyncedFile.syncFolder(folder)
    } catch {
      close()
      throw error
    }
  }

  private static func open(_ path: String) throws(Problem) -> File {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StorageProblem.from(errno: errno, doing: "open", file: path)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, (0...longest).contains(Int(status.st_size)) else {
      Glibc.close(descriptor)
      throw StorageProblem.corrupt(path, "it is longer than a journal can be")
    }
    var attempts = 0
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      attempts += 1
      guard attempts < patience else {
        Glibc.close(descriptor)
        throw Problem(
          .conflict, code: "data_folder_in_use", "the event log is open already", cause: path,
          next: "Stop the program that uses it.")
      }
      usleep(step)
    }
    return File(path: path, descriptor: descriptor, size: Int(status.st_size))
  }

  func close() {
    for file in files {
      flock(file.descriptor, LOCK_UN)
      Glibc.close(file.descriptor)
    }
  }

  /// All that is whole in both files.
  func frames(of log: UInt64) throws(Problem) -> [JournalFrame] {
    var frames: [JournalFrame] = []
    for file in files { frames += JournalFrame.all(in: try Self.read(file), of: log) }
    return frames
  }

  private static func read(_ file: File) throws(Problem) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: file.size)
    var count = 0
    while count < file.size {
      let read = bytes.withUnsafeMutableBytes {
        pread(file.descriptor, $0.baseAddress?.advanced(by: count), file.size - count, off_t(count))
      }
      if read < 0, errno == EINTR { continue }
      guard read > 0 else {
        throw StorageProblem.from(errno: errno, doing: "read", file: file.path)
      }
      count += read
    }
    return bytes
  }

  /// Whether the next frame should go into the other file.
  var isTurnDue: Bool { position >= Self.turn }

  /// Goes on at the beginning of the other file, in which nothing is needed any more.
  mutating func takeTurn() {
    current = 1 - current
    position = 0
  }

  /// A start would take that frame for one that the tables have.
  mutating func endDoubt() { isInDoubt = false }

  /// Writes a frame behind the last one, and returns when it is on the disk. When that fails, the next one
  /// takes its place; see ``isInDoubt``.
  mutating func append(_ frame: [UInt8]) throws(Problem) {
    let end = position + frame.count
    if end > files[current].size {
      let size = (end + Self.growth - 1) / Self.growth * Self.growth
      let zeros = [UInt8](repeating: 0, count: size - files[current].size)
      try write(zeros, at: files[current].size)
      files[current].size = size
    }
    isInDoubt = true
    try write(frame, at: position)
    try sync()
    isInDoubt = false
    position = end
  }

  private func write(_ bytes: [UInt8], at start: Int) throws(Problem) {
    let file = files[current]
    var count = 0
    while count < bytes.count {
      let written = bytes.withUnsafeBytes {
        pwrite(
          file.descriptor, $0.baseAddress?.advanced(by: count), bytes.count - count,
          off_t(start + count))
      }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else {
        throw StorageProblem.from(errno: errno, doing: "write", file: file.path)
      }
      count += written
    }
  }

  private func sync() throws(Problem) {
    let file = files[current]
    while fdatasync(file.descriptor) != 0 {
      guard errno == EINTR else {
        throw StorageProblem.from(errno: errno, doing: "fdatasync", file: file.path)
      }
    }
  }
}
