public import ClusterModel
import Glibc
public import HostPorts
import Synchronization

/// Measures a data folder, and gives away the room that its quota leaves. Between two measurements it counts
/// what was let in, so that nobody who asks waits for the disk.
public final class DataMeter: DataRoom {
  /// What only the owner of the event log's file knows.
  public struct Inside: Sendable {
    /// All of it, also what is still in the journal.
    public var size: ByteCount
    /// What of it is state.
    public var state: ByteCount
    /// What of it nothing uses.
    public var free: ByteCount

    public init(size: ByteCount, state: ByteCount, free: ByteCount) {
      self.size = size
      self.state = state
      self.free = free
    }
  }

  private let folder: String
  private let measured: Mutex<DataUsage>

  /// Measures for the first time. Blocks: for the start of a program.
  ///
  /// - Parameter quota: `nil` for no bound but the disk.
  public init(of folder: DataFolder, quota: ByteCount?) {
    self.folder = folder.path
    measured = Mutex(DataUsage(quota: quota))
    let nothing = ByteCount(bytes: 0)
    let log = ByteCount(bytes: Self.size(self.folder + "/events.sqlite"))
    measure(Inside(size: log, state: nothing, free: nothing))
  }

  public var usage: DataUsage? { measured.withLock { $0 } }

  public func take(_ size: ByteCount, for purpose: DataPurpose) throws(Problem) {
    try measured.withLock { (usage) throws(Problem) in try usage.take(size, for: purpose) }
  }

  /// Looks at all files again. Blocks: a file costs some microseconds, and there are two for each module.
  ///
  /// - Parameter inside: `nil` when nobody knows it right now; then it is as it was.
  public func measure(_ inside: Inside?) {
    // Without its journal, which is written back again and again.
    let modules = Self.size(folder + "/catalog.sqlite") + Self.sizes(in: folder + "/blobs/sha256")
    let compiled = Self.sizes(in: folder + "/cache")
    measured.withLock { usage in
      var new = usage
      if let inside {
        new.free = min(inside.free, inside.size)
        new.state = min(inside.state, ByteCount(bytes: inside.size.bytes - new.free.bytes))
        new.events = ByteCount(bytes: inside.size.bytes - new.free.bytes - new.state.bytes)
        // What was let in since the last time is part of it by now.
        new.taken = ByteCount(bytes: 0)
      }
      new.modules = ByteCount(bytes: modules)
      new.compiled = ByteCount(bytes: compiled)
      usage = new
    }
  }

  /// What a file takes; nothing when there is none.
  private static func size(_ path: String) -> Int {
    var status = stat()
    return lstat(path, &status) == 0 ? max(Int(status.st_size), 0) : 0
  }

  /// What the files of a folder take, with those of the folders in it and no deeper.
  private static func sizes(in folder: String, depth: Int = 1) -> Int {
    guard let directory = opendir(folder) else { return 0 }
    defer { closedir(directory) }
    var sum = 0
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: longestName) { String(cString: $0) }
      }
      guard name != ".", name != ".." else { continue }
      let path = "\(folder)/\(name)"
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT != S_IFDIR {
        sum += max(Int(status.st_size), 0)
      } else if depth > 0 {
        sum += sizes(in: path, depth: depth - 1)
      }
    }
    return sum
  }

  /// What Linux allows, with its end.
  private static let longestName = 256
}
