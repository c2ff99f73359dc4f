import CGuestFiles
import Glibc

/// What `path_open` is asked for.
private struct Opening {
  private static let create: UInt32 = 1
  private static let folder: UInt32 = 2
  private static let exclusive: UInt32 = 4
  private static let cutOff: UInt32 = 8

  let follow: Bool
  let requested: Rights
  let inheriting: Rights
  let flags: DescriptorFlags
  private let how: UInt32

  /// (folder, lookup flags, path, its length, open flags, rights, inheriting rights, descriptor flags,
  /// where the number goes)
  init(_ call: HostCall) throws(WASIError) {
    guard call.u32(1) < 2, call.u32(4) < 16,
      let flags = UInt16(exactly: call.u32(7)).map({ DescriptorFlags(rawValue: $0) }),
      flags.isSubset(of: .all)
    else { throw WASIError(.invalid) }
    follow = call.u32(1) == 1
    how = call.u32(4)
    requested = Rights(rawValue: call.u64(5))
    inheriting = Rights(rawValue: call.u64(6))
    self.flags = flags
    guard !(creates && how & Self.folder != 0) else { throw WASIError(.invalid) }
  }

  var creates: Bool { how & Self.create != 0 }
  var cutsOff: Bool { how & Self.cutOff != 0 }

  /// What the folder must allow.
  var needed: Rights {
    var needed: Rights = .open
    if creates { needed.insert(.createFile) }
    if cutsOff { needed.insert(.pathSetSize) }
    return needed
  }

  /// The flags of open(2).
  ///
  /// - Parameter isScratch: nothing need be synced there.
  func kernelFlags(isScratch: Bool) -> Int32 {
    let writes = cutsOff || !requested.isDisjoint(with: .writing)
    let reads = !requested.isDisjoint(with: [.read, .readFolder])
    var result = writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY
    if creates { result |= O_CREAT }
    if how & Self.folder != 0 { result |= O_DIRECTORY }
    if how & Self.exclusive != 0 { result |= O_EXCL }
    if cutsOff { result |= O_TRUNC }
    if !follow { result |= O_NOFOLLOW }
    if flags.contains(.append) { result |= O_APPEND }
    guard !isScratch else { return result }
    if flags.contains(.dataSync) { result |= O_DSYNC }
    if !flags.isDisjoint(with: [.sync, .readSync]) { result |= O_SYNC }
    return result
  }
}

extension HostCall {
  func openPath() throws(WASIError) {
    let opening = try Opening(self)
    try checkPlace(8, 4)
    try onPath("path_open", folder: 0, path: 2, opening.needed) { use throws(WASIError) in
      guard opening.requested.intersection(.writing).isSubset(of: use.descriptor.inheriting) else {
        throw use.tree.isReadOnly
          ? .denied("the module may only read this folder") : WASIError(.notCapable)
      }
      try instance.wasi.descriptors.checkRoom()
      let file = try open(opening, use)
      let possible = file.possibleRights
      let rights = opening.requested.intersection(use.descriptor.inheriting)
      let number = instance.wasi.descriptors.add(
        Descriptor(
          kind: .file, file: file, rights: rights.intersection(possible),
          inheriting: file.shape == .folder
            ? opening.inheriting.intersection(use.descriptor.inheriting) : [],
          flags: opening.flags))
      try store(number, at: u32(8))
    }
  }

  private func open(_ opening: Opening, _ use: PathUse) throws(WASIError) -> OpenFile {
    let flags = opening.kernelFlags(isScratch: use.tree.scratch != nil)
    guard let scratch = use.tree.scratch, opening.creates else {
      let file = try OpenFile(
        try use.tree.open(use.path, in: use.folder, flags: flags), in: use.tree)
      if opening.cutsOff { use.tree.scratch?.resized(file, to: 0) }
      return file
    }
    // A full folder makes no new files, but opens those that it has.
    var allowed = flags
    do throws(WASIError) { try scratch.checkEntry() } catch {
      allowed = flags & ~(O_CREAT | O_EXCL)
      // What must not be there is not touched when it is.
      if flags & O_EXCL != 0 { allowed &= ~O_TRUNC }
    }
    let number: Int32
    do throws(WASIError) {
      number = try use.tree.open(use.path, in: use.folder, flags: allowed)
    } catch {
      throw allowed != flags && error.number == .noEntry ? WASIError(.noSpace) : error
    }
    let file = try OpenFile(number, in: use.tree)
    guard allowed == flags || flags & O_EXCL == 0 else { throw WASIError(.exists) }
    scratch.madeByOpening(file, isCutOff: opening.cutsOff)
    return file
  }
}
