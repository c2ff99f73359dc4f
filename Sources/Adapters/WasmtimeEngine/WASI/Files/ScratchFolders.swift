import CGuestFiles
import ClusterModel
import DedicatedThreads
import DequeModule
import Glibc
import Synchronization

/// Where the scratch folders of this process are, and the thread that removes them: a folder may hold
/// thousands of files, and no guest should wait for that but the one whose report is not out yet.
/// What waits to be removed is bounded by the activations that wait for it.
final class ScratchFolders: Sendable {
  private let root: String
  private let made = Atomic<Int>(0)
  /// Begins every name, so that an engine that is being replaced meets none of its successor's folders.
  private let prefix = String(Clocks.monotonic(), radix: 36)
  private let parker = Parker()
  private let state = Mutex(State())

  private struct State: ~Copyable {
    var waiting: Deque<(path: String, done: CheckedContinuation<Void, Never>)> = []
    var stopping = false
  }

  /// Opens (and makes) the folder for them, and removes what an earlier process left there.
  ///
  /// - Throws: ``Problem`` `scratch_unusable`.
  init(at root: String) throws(Problem) {
    self.root = root
    guard mkdir(root, 0o700) == 0 || errno == EEXIST else { throw Self.unusable(root, errno) }
    let folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw Self.unusable(root, errno) }
    defer { close(folder) }
    let code = FolderSweep.empty(folder)
    guard code == 0 else { throw Self.unusable(root, code) }
  }

  private static func unusable(_ root: String, _ code: Int32) -> Problem {
    Problem(
      .internalFault, code: "scratch_unusable",
      "the folder \(root) for scratch folders cannot be used",
      cause: strerror(code).map { String(cString: $0) },
      next: "Check its owner and permissions, and whether the disk is full.")
  }

  /// Makes one, and opens it.
  func make() throws(WASIError) -> (path: String, number: Int32) {
    let path = "\(root)/\(prefix)-\(made.add(1, ordering: .relaxed).newValue)"
    guard mkdir(path, 0o700) == 0 else { throw WASIError(Errno(host: errno)) }
    let number = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else {
      let code = errno
      rmdir(path)
      throw WASIError(Errno(host: code))
    }
    return (path, number)
  }

  /// Removes one with all that is in it; returns when it is gone.
  func remove(_ path: String) async {
    await withCheckedContinuation { done in
      let isStopping = state.withLock { state in
        if !state.stopping { state.waiting.append((path, done)) }
        return state.stopping
      }
      // What is left then goes at the next start.
      if isStopping { done.resume() } else { parker.wake() }
    }
  }

  func stop() {
    state.withLock { $0.stopping = true }
    parker.wake()
  }

  /// The body of the thread.
  func run() {
    while true {
      let (next, stopping) = state.withLock { ($0.waiting.popFirst(), $0.stopping) }
      if let next {
        removeNow(next.path)
        next.done.resume()
      } else if stopping {
        return
      } else {
        parker.park(until: nil)
      }
    }
  }

  private func removeNow(_ path: String) {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    // What a failing disk keeps goes at the next start.
    _ = FolderSweep.empty(folder)
    close(folder)
    rmdir(path)
  }
}

/// Empties folders, however deep they are nested and whatever the names in them come to: it never
/// descends, but lifts what is inside of inner folders up to the outer one.
enum FolderSweep {
  /// - Returns: 0, or the `errno` that stopped it.
  static func empty(_ folder: Int32) -> Int32 {
    var lifted = 0
    while true {
      let names = entries(of: folder)
      if names.isEmpty { return 0 }
      for name in names {
        let code = remove(name, in: folder, &lifted)
        guard code == 0 else { return code }
      }
    }
  }

  private static func remove(_ name: [CChar], in folder: Int32, _ lifted: inout Int) -> Int32 {
    if unlinkat(folder, name, 0) == 0 { return 0 }
    guard errno == EISDIR else { return errno }
    if unlinkat(folder, name, AT_REMOVEDIR) == 0 { return 0 }
    guard errno == ENOTEMPTY else { return errno }
    let inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard inner >= 0 else { return errno }
    defer { close(inner) }
    while true {
      let names = entries(of: inner)
      if names.isEmpty { break }
      for name in names {
        if unlinkat(inner, name, 0) == 0 { continue }
        guard errno == EISDIR else { return errno }
        lifted += 1
        // No guest makes such names in the outer folder while it is emptied.
        while renameat(inner, name, folder, ".lifted-\(lifted)") != 0 {
          guard errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR else { return errno }
          lifted += 1
        }
      }
    }
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 ? 0 : errno
  }

  /// Names of entries, without `.` and `..`; as many as come at once.
  private static func entries(of folder: Int32) -> [[CChar]] {
    guard lseek(folder, 0, SEEK_SET) == 0 else { return [] }
    var names: [[CChar]] = []
    var listing = FolderListing(folder)
    while names.count < 4096, let entry = listing.next() {
      names.append(entry.name.map { CChar(bitPattern: $0) } + [0])
    }
    return names
  }
}
