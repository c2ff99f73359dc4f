import CWasmtime
import Glibc

extension WASIFunctions {
  static let folderFunctions: [WASIFunction] = [
    WASIFunction("fd_readdir", "iiiIi") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.readFolder() }
    },
    WASIFunction("fd_prestat_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let path = try call.grantedPath()
        // The kind (0: a folder) and the length of its path.
        try call.store(UInt64(path.count) << 32, at: call.u32(1))
      }
    },
    WASIFunction("fd_prestat_dir_name", "iii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let path = try call.grantedPath()
        guard Int(call.u32(2)) >= path.count else { throw WASIError(.nameTooLong) }
        guard let place = call.memory.bytes(at: call.u32(1), count: path.count) else {
          throw WASIError(.fault)
        }
        place.copyBytes(from: path)
      }
    },
  ]
}

/// Entries of a folder as guests read them: each has the place behind it as its cookie, 24 bytes of
/// header, and its name. `.` and `..` come first on every file system.
///
/// Cookies are 0 at the beginning, 1 behind `.`, 2 behind `..`, then the kernel's positions, moved by 3.
private struct EntryWriter {
  private let place: UnsafeMutableRawBufferPointer
  private(set) var used = 0
  private static let headerSize = 24
  static let kernelCookies: UInt64 = 3

  init(_ place: UnsafeMutableRawBufferPointer) { self.place = place }

  var isFull: Bool { used == place.count }

  /// Writes an entry, cut off where the buffer ends.
  mutating func add(_ name: some Collection<UInt8>, _ inode: UInt64, _ type: FileType, next: UInt64)
  {
    var entry = [UInt8](repeating: 0, count: Self.headerSize)
    entry.withUnsafeMutableBytes { header in
      header.storeBytes(of: next, toByteOffset: 0, as: UInt64.self)
      header.storeBytes(of: inode, toByteOffset: 8, as: UInt64.self)
      header.storeBytes(of: UInt32(name.count), toByteOffset: 16, as: UInt32.self)
      header.storeBytes(of: type.rawValue, toByteOffset: 20, as: UInt8.self)
    }
    entry.append(contentsOf: name)
    let fitting = entry.prefix(place.count - used)
    UnsafeMutableRawBufferPointer(rebasing: place[used...]).copyBytes(from: fitting)
    used += fitting.count
  }
}

extension HostCall {
  /// The path of the granted folder that argument 0 names.
  fileprivate func grantedPath() throws(WASIError) -> [UInt8] {
    guard let path = try instance.wasi.descriptors[u32(0)].grantedPath else {
      throw WASIError(.badDescriptor)
    }
    return path
  }

  /// (folder, buffer, its length, cookie, where the number of used bytes goes)
  fileprivate func readFolder() throws(WASIError) {
    let use = try file(0, [], others: .notDirectory)
    guard use.file.shape == .folder else { throw WASIError(.notDirectory) }
    guard use.descriptor.rights.contains(.readFolder) else { throw WASIError(.notCapable) }
    guard let place = memory.bytes(at: u32(1), count: Int(u32(2))) else { throw WASIError(.fault) }
    try checkPlace(4, 4)
    var writer = EntryWriter(place)
    let cookie = u64(3)
    if cookie == 0 { writer.add(".".utf8, use.file.inode, .folder, next: 1) }
    if cookie <= 1, !writer.isFull { writer.add("..".utf8, use.file.inode, .folder, next: 2) }
    let position = cookie < EntryWriter.kernelCookies ? 0 : cookie - EntryWriter.kernelCookies
    guard let start = Int(exactly: position), lseek(use.file.number, start, SEEK_SET) >= 0 else {
      throw WASIError(.invalid)
    }
    var listing = FolderListing(use.file.number)
    while !writer.isFull, let entry = listing.next() {
      writer.add(
        entry.name, entry.inode, entry.type ?? Self.type(of: entry, in: use.file),
        next: UInt64(bitPattern: Int64(entry.position)) &+ EntryWriter.kernelCookies)
    }
    guard listing.failure == 0 else { throw WASIError(Errno(host: listing.failure)) }
    try store(UInt32(writer.used), at: u32(4))
  }

  /// Asked of the entry itself on file systems whose folders do not say.
  private static func type(of entry: FolderListing.Entry, in folder: OpenFile) -> FileType {
    var status = stat()
    let name = entry.name.map { CChar(bitPattern: $0) } + [0]
    guard fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return .unknown }
    return FileType(mode: status.st_mode)
  }
}
