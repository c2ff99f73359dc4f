/// What is in a scratch folder: entries and bytes, against what there may be. Pure.
///
/// It is exact without asking the disk, because everything that changes a scratch folder goes through
/// it. Files count with their size, holes included, until they have neither a name nor anybody who
/// has them open.
struct ScratchLedger {
  private struct Record {
    var size: Int = 0
    var links = 0
    var opens = 0
  }

  let mostBytes: Int
  let mostEntries: Int
  private(set) var bytes: Int = 0
  private(set) var entries = 0
  /// By inode.
  private var files: [UInt64: Record] = [:]

  init(mostBytes: Int, mostEntries: Int) {
    self.mostBytes = mostBytes
    self.mostEntries = mostEntries
  }

  /// Whether another name may be made.
  var hasRoomForEntry: Bool { entries < mostEntries }

  /// A folder or a symbolic link was made.
  mutating func added() { entries += 1 }

  /// A name was made that stands for a file.
  mutating func linked(_ inode: UInt64) {
    entries += 1
    files[inode, default: Record()].links += 1
  }

  /// A name was removed.
  ///
  /// - Parameter inode: of the file that it stood for; `nil` for others.
  mutating func removed(_ inode: UInt64?) {
    entries -= 1
    guard let inode else { return }
    files[inode]?.links -= 1
    forget(inode)
  }

  mutating func opened(_ inode: UInt64) { files[inode, default: Record()].opens += 1 }

  mutating func closed(_ inode: UInt64) {
    files[inode]?.opens -= 1
    forget(inode)
  }

  /// Whether a file has a name or somebody has it open.
  func knows(_ inode: UInt64) -> Bool { (files[inode]?.links ?? 0) > 0 }

  /// Whether a file may be as long as `size`.
  func allows(_ size: Int, for inode: UInt64) -> Bool {
    let growth = size - (files[inode]?.size ?? 0)
    return growth <= 0 || growth <= mostBytes - bytes
  }

  /// A file is now `size` long.
  mutating func resized(_ inode: UInt64, to size: Int) {
    bytes += size - (files[inode]?.size ?? 0)
    files[inode, default: Record()].size = size
  }

  /// How long a file is.
  func size(_ inode: UInt64) -> Int { files[inode]?.size ?? 0 }

  private mutating func forget(_ inode: UInt64) {
    guard let record = files[inode], record.links <= 0, record.opens <= 0 else { return }
    bytes -= record.size
    files[inode] = nil
  }
}
