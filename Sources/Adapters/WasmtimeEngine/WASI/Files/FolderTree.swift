import CGuestFiles
import Glibc

/// A granted folder and all beneath it: what its files have in common.
final class FolderTree {
  /// Whether nothing in it may be changed.
  let isReadOnly: Bool
  /// Given when it is a scratch folder.
  let scratch: ScratchFolder?

  init(isReadOnly: Bool, scratch: ScratchFolder? = nil) {
    self.isReadOnly = isReadOnly
    self.scratch = scratch
  }

  /// The rights that a guest gets with the folder itself.
  var rights: Rights { isReadOnly ? .ofFolder.subtracting(.changing) : .ofFolder }

  /// The most that anything opened in it may have.
  var inheriting: Rights {
    let all = Rights.ofFolder.union(.ofRegularFile)
    return isReadOnly ? all.subtracting(.changing) : all
  }

  /// Others on this machine see what guests make in host folders; a scratch folder is nobody's business.
  private var mode: UInt32 { scratch == nil ? 0o666 : 0o600 }
  private var folderMode: mode_t { scratch == nil ? 0o777 : 0o700 }

  /// Opens something beneath `folder`.
  ///
  /// - Throws: ``Errno/notCapable`` when the path leads out of it.
  func open(_ path: GuestPath, in folder: OpenFile, flags: Int32) throws(WASIError) -> Int32 {
    let opened = path.withCString { gf_open(folder.number, $0, flags, mode) }
    guard opened < 0 else { return opened }
    throw opened == -EXDEV
      ? .denied("the path leads out of the granted folder") : WASIError(Errno(host: -opened))
  }

  /// Gives `body` a handle that names what is at a path, without opening it.
  func withHandle<Result>(
    _ path: GuestPath, in folder: OpenFile, follow: Bool, asFolder: Bool = false,
    _ body: (Int32) throws(WASIError) -> Result
  ) throws(WASIError) -> Result {
    let flags =
      gf_naming_flags() | (follow ? 0 : O_NOFOLLOW) | (asFolder ? O_DIRECTORY : 0)
    let handle = try open(path, in: folder, flags: flags)
    defer { close(handle) }
    return try body(handle)
  }

  /// Gives `body` the folder that the last part of a path stands in, and that part.
  ///
  /// - Parameter otherwise: the error for a path that names no entry of a folder, but is inside.
  func withEntry<Result>(
    _ path: GuestPath, in folder: OpenFile, otherwise: Errno,
    _ body: (Int32, UnsafePointer<CChar>) throws(WASIError) -> Result
  ) throws(WASIError) -> Result {
    guard let (parent, name) = path.split else {
      return try withHandle(path, in: folder, follow: true) { _ throws(WASIError) in
        throw WASIError(otherwise)
      }
    }
    return try withHandle(parent, in: folder, follow: true, asFolder: true) {
      handle throws(WASIError) in
      try name.withCString { name throws(WASIError) in try body(handle, name) }
    }
  }

  func makeFolder(_ path: GuestPath, in folder: OpenFile) throws(WASIError) {
    try withEntry(path, in: folder, otherwise: .exists) { handle, name throws(WASIError) in
      try scratch?.checkEntry()
      try check(mkdirat(handle, name, folderMode))
      scratch?.added()
    }
  }

  func makeLink(to target: GuestPath, _ path: GuestPath, in folder: OpenFile) throws(WASIError) {
    // It would lead out, and who follows it from outside of the sandbox should not be led anywhere.
    guard !target.isAbsolute else { throw .denied("the link would lead out of the granted folder") }
    try withEntry(path, in: folder, otherwise: .exists) { handle, name throws(WASIError) in
      try scratch?.checkEntry()
      try check(target.withCString { symlinkat($0, handle, name) })
      scratch?.added()
    }
  }

  func removeFolder(_ path: GuestPath, in folder: OpenFile) throws(WASIError) {
    try withEntry(path, in: folder, otherwise: .invalid) { handle, name throws(WASIError) in
      try check(unlinkat(handle, name, AT_REMOVEDIR))
      scratch?.removed(nil)
    }
  }

  func removeFile(_ path: GuestPath, in folder: OpenFile) throws(WASIError) {
    try withEntry(path, in: folder, otherwise: .isDirectory) { handle, name throws(WASIError) in
      let file = scratch == nil ? nil : Self.regularFile(handle, name)
      try check(unlinkat(handle, name, 0))
      scratch?.removed(file)
    }
  }

  /// Another name for a file; symbolic links are not followed.
  func link(
    _ path: GuestPath, in folder: OpenFile, as newPath: GuestPath, in newFolder: OpenFile
  ) throws(WASIError) {
    guard newFolder.tree === self else { throw WASIError(.crossDevice) }
    if path.endsWithSlash {
      // The kernel would follow a link here; only folders are meant, and they have one name.
      try withHandle(path, in: folder, follow: true, asFolder: true) { _ throws(WASIError) in
        throw WASIError(.notPermitted)
      }
    }
    try withEntry(path, in: folder, otherwise: .notPermitted) { old, name throws(WASIError) in
      try withEntry(newPath, in: newFolder, otherwise: .exists) { new, newName throws(WASIError) in
        try scratch?.checkEntry()
        try check(linkat(old, name, new, newName, 0))
        scratch?.linked(Self.regularFile(new, newName))
      }
    }
  }

  func rename(
    _ path: GuestPath, in folder: OpenFile, to newPath: GuestPath, in newFolder: OpenFile
  ) throws(WASIError) {
    guard newFolder.tree === self else { throw WASIError(.crossDevice) }
    try withEntry(path, in: folder, otherwise: .busy) { old, name throws(WASIError) in
      try withEntry(newPath, in: newFolder, otherwise: .busy) { new, newName throws(WASIError) in
        var source = stat()
        var replaced = stat()
        let replaces =
          scratch != nil && fstatat(new, newName, &replaced, AT_SYMLINK_NOFOLLOW) == 0
          && fstatat(old, name, &source, AT_SYMLINK_NOFOLLOW) == 0
          && source.st_ino != replaced.st_ino
        try check(renameat(old, name, new, newName))
        if replaces {
          let isFile = FileType(mode: replaced.st_mode) == .regularFile
          scratch?.removed(isFile ? UInt64(replaced.st_ino) : nil)
        }
      }
    }
  }

  /// The inode of a regular file; `nil` when there is none.
  private static func regularFile(_ folder: Int32, _ name: UnsafePointer<CChar>) -> UInt64? {
    var status = stat()
    guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
      FileType(mode: status.st_mode) == .regularFile
    else { return nil }
    return UInt64(status.st_ino)
  }

  private func check(_ result: Int32) throws(WASIError) {
    guard result < 0 else { return }
    throw WASIError(Errno(host: errno))
  }
}
