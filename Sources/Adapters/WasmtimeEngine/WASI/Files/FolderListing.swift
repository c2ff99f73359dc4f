import CGuestFiles
import Glibc

/// The entries of a folder from where its descriptor stands, without `.` and `..`.
struct FolderListing {
  struct Entry {
    var inode: UInt64
    /// Where the folder stands behind this entry.
    var position: Int
    /// `nil` when the file system does not say.
    var type: FileType?
    var name: [UInt8]
  }

  private let folder: Int32
  private var buffer = [UInt8](repeating: 0, count: 16 << 10)
  private var length = 0
  private var offset = 0
  /// The `errno` that ended it; 0 for the end of the folder.
  private(set) var failure: Int32 = 0

  init(_ folder: Int32) { self.folder = folder }

  mutating func next() -> Entry? {
    while true {
      if offset >= length {
        length = buffer.withUnsafeMutableBytes { gf_entries(folder, $0.baseAddress, $0.count) }
        offset = 0
        if length < 0 { failure = Int32(-length) }
        guard length > 0 else {
          length = 0
          return nil
        }
      }
      let entry = read()
      if !entry.name.elementsEqual([UInt8(ascii: ".")]), !entry.name.elementsEqual("..".utf8) {
        return entry
      }
    }
  }

  /// One `linux_dirent64`: inode, position, length of the record, type, name with a final zero.
  private mutating func read() -> Entry {
    buffer.withUnsafeBytes { bytes in
      let size = Int(bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
      let name = bytes[(offset + 19)..<(offset + size)].prefix { $0 != 0 }
      let entry = Entry(
        inode: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self),
        position: bytes.loadUnaligned(fromByteOffset: offset + 8, as: Int.self),
        type: FileType(entry: bytes[offset + 18]), name: Array(name))
      offset += size
      return entry
    }
  }
}
