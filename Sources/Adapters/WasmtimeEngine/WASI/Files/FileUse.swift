import ClusterModel
import Glibc
import HostPorts

/// A file that a guest named by its descriptor, for one call.
struct FileUse {
  let descriptor: Descriptor
  let file: OpenFile
  /// `nil` for the streams of this process.
  var tree: FolderTree? { file.tree }
}

/// A path beneath a folder that a guest has open, for one call.
struct PathUse {
  let descriptor: Descriptor
  let folder: OpenFile
  let tree: FolderTree
  let path: GuestPath
}

extension CommandInstance {
  /// What a descriptor stands for; a scratch folder is made when it is first used.
  func descriptor(_ number: UInt32) throws(WASIError) -> Descriptor {
    var found = try wasi.descriptors[number]
    guard found.kind == .scratch, let scratch = found.scratch else { return found }
    found.file = try scratch.make()
    found.kind = .file
    try wasi.descriptors.replace(number, by: found)
    return found
  }

  /// A guest went beyond what it is granted: whoever is asked for it hears so.
  func denied(_ call: StaticString, _ subject: String, _ reason: String) {
    let denial = CapabilityDenial(
      capability: .files, call: "\(call)",
      subject: String(subject.prefix(CapabilityDenial.longest)),
      reason: reason)
    guard let denials = pending.activation.denials else { return }
    if denials.denied(denial) == .end {
      wasi.end(.limit(denial.failure))
    }
  }
}

extension HostCall {
  /// The file that argument `index` names.
  ///
  /// - Parameters:
  ///   - right: what the call needs.
  ///   - others: the error for what is no file.
  func file(
    _ index: Int, _ right: Rights, others: Errno = .notCapable
  ) throws(WASIError) -> FileUse {
    let descriptor = try instance.descriptor(u32(index))
    guard let file = descriptor.file else { throw WASIError(others) }
    guard descriptor.rights.isSuperset(of: right) else { throw WASIError(.notCapable) }
    return FileUse(descriptor: descriptor, file: file)
  }

  /// The same for a regular file: what is a stream has no places to go to.
  func regularFile(_ index: Int, _ right: Rights) throws(WASIError) -> FileUse {
    let descriptor = try instance.descriptor(u32(index))
    guard let file = descriptor.file, file.shape != .stream || descriptor.rights.contains(.seek)
    else { throw WASIError(.illegalSeek) }
    return try self.file(index, right)
  }

  /// The path in arguments `path` (where it is) and `path + 1` (how long it is), beneath the folder
  /// that argument `folder` names. What leads out of it, or changes what may only be read, is a
  /// denial.
  func onPath<Result>(
    _ name: StaticString, folder: Int, path: Int, _ right: Rights,
    _ body: (PathUse) throws(WASIError) -> Result
  ) throws(WASIError) -> Result {
    let descriptor = try instance.descriptor(u32(folder))
    guard let file = descriptor.file, file.shape == .folder, let tree = file.tree else {
      throw WASIError(.notDirectory)
    }
    guard let bytes = memory.bytes(at: u32(path), count: Int(u32(path + 1))) else {
      throw WASIError(.fault)
    }
    let given = try GuestPath(UnsafeRawBufferPointer(bytes))
    let use = PathUse(descriptor: descriptor, folder: file, tree: tree, path: given)
    do throws(WASIError) {
      guard descriptor.rights.isSuperset(of: right) else {
        throw tree.isReadOnly && !right.isDisjoint(with: .changing)
          ? .denied("the module may only read this folder") : WASIError(.notCapable)
      }
      return try body(use)
    } catch {
      guard let reason = error.denial else { throw error }
      instance.denied(name, given.text, reason)
      throw WASIError(error.number)
    }
  }

  /// What `vectors` at arguments `index` and `index + 1` say, for a system call: all of them are
  /// checked, but no more than ``OpenFile/mostTransferred`` bytes are moved.
  func buffers(_ index: Int) throws(WASIError) -> [iovec] {
    try memory.buffers(at: u32(index), count: u32(index + 1))
  }

  /// Whether a place is there, looked at before anything is done.
  func checkPlace(_ index: Int, _ count: Int) throws(WASIError) {
    guard memory.bytes(at: u32(index), count: count) != nil else { throw WASIError(.fault) }
  }

  /// An offset or length as the kernel takes it.
  func offset(_ index: Int) throws(WASIError) -> Int {
    guard let value = Int(exactly: u64(index)) else { throw WASIError(.invalid) }
    return value
  }
}
