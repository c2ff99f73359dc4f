import ClusterModel
import Glibc

/// The scratch folder of one instance: made when it is first used, bounded, gone with the instance.
/// Only the worker of the instance touches it.
final class ScratchFolder {
  private let folders: ScratchFolders
  private var ledger: ScratchLedger
  /// Where it is; `nil` as long as nobody used it.
  private(set) var path: String?

  init(_ limits: ScratchLimits, in folders: ScratchFolders) {
    self.folders = folders
    ledger = ScratchLedger(
      mostBytes: Int(limits.size.bytes), mostEntries: limits.entries)
  }

  /// Makes it.
  func make() throws(WASIError) -> OpenFile {
    let (path, number) = try folders.make()
    self.path = path
    return try OpenFile(number, in: FolderTree(isReadOnly: false, scratch: self))
  }

  /// - Throws: ``Errno/noSpace`` when there are as many entries as there may be.
  func checkEntry() throws(WASIError) {
    guard ledger.hasRoomForEntry else { throw WASIError(.noSpace) }
  }

  func added() { ledger.added() }
  func removed(_ inode: UInt64?) { ledger.removed(inode) }

  func linked(_ inode: UInt64?) {
    if let inode { ledger.linked(inode) } else { ledger.added() }
  }

  func opened(_ file: OpenFile) {
    if file.type == .regularFile { ledger.opened(file.inode) }
  }

  func closed(_ file: OpenFile) {
    if file.type == .regularFile { ledger.closed(file.inode) }
  }

  /// A file was opened that may have been made or cut off by that.
  func madeByOpening(_ file: OpenFile, isCutOff: Bool) {
    guard file.type == .regularFile else { return }
    if !ledger.knows(file.inode) { ledger.linked(file.inode) }
    if isCutOff { ledger.resized(file.inode, to: 0) }
  }

  /// - Throws: ``Errno/noSpace`` when a file may not be so long.
  func check(_ size: Int, of file: OpenFile) throws(WASIError) {
    guard ledger.allows(size, for: file.inode) else { throw WASIError(.noSpace) }
  }

  /// A file is at least so long now.
  func reached(_ size: Int, in file: OpenFile) {
    if size > ledger.size(file.inode) { ledger.resized(file.inode, to: size) }
  }

  func resized(_ file: OpenFile, to size: Int) { ledger.resized(file.inode, to: size) }

  func size(of file: OpenFile) -> Int { ledger.size(file.inode) }
}
