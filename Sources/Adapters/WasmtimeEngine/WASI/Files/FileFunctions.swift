import CGuestFiles
import CWasmtime
import Glibc

extension WASIFunctions {
  /// What can be done with an open file.
  static let fileFunctions: [WASIFunction] = [
    WASIFunction("fd_advise", "iIIi") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.advise() }
    },
    WASIFunction("fd_allocate", "iII") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.allocate() }
    },
    WASIFunction("fd_datasync", "i") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.sync(.datasync) { fdatasync($0) }
      }
    },
    WASIFunction("fd_sync", "i") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.sync(.sync) { fsync($0) }
      }
    },
    WASIFunction("fd_seek", "iIii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let kinds = [SEEK_SET, SEEK_CUR, SEEK_END]
        guard call.u32(2) < 3 else { throw WASIError(.invalid) }
        let stays = call.u64(1) == 0 && call.u32(2) == 1
        try call.seek(
          Int(Int64(bitPattern: call.u64(1))), kinds[Int(call.u32(2))], stays ? .tell : .seek, 3)
      }
    },
    WASIFunction("fd_tell", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.seek(0, SEEK_CUR, .tell, 1)
      }
    },
    WASIFunction("fd_filestat_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.status() }
    },
    WASIFunction("fd_filestat_set_size", "iI") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.setSize() }
    },
    WASIFunction("fd_filestat_set_times", "iIIi") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let use = try call.file(0, .setTimes)
        let times = try FileStatus.times(
          access: call.u64(1), modification: call.u64(2), flags: call.u32(3))
        try HostCall.check(futimens(use.file.number, times))
      }
    },
    WASIFunction("fd_pread", "iiiIi") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let use = try call.regularFile(0, [.read, .seek])
        let offset = try call.offset(3)
        try call.checkPlace(4, 4)
        guard let count = try use.file.read(try call.buffers(1), at: offset) else {
          throw WASIError(.again)
        }
        try call.store(UInt32(count), at: call.u32(4))
      }
    },
    WASIFunction("fd_pwrite", "iiiIi") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let use = try call.regularFile(0, [.write, .seek])
        let offset = try call.offset(3)
        try call.checkPlace(4, 4)
        guard let count = try use.write(try call.buffers(1), at: offset) else {
          throw WASIError(.again)
        }
        try call.store(UInt32(count), at: call.u32(4))
      }
    },
  ]
}

extension FileUse {
  /// Writes, within what a scratch folder may hold.
  ///
  /// - Returns: `nil` when it would have to wait.
  func write(_ pieces: [iovec], at offset: Int?) throws(WASIError) -> Int? {
    guard let scratch = tree?.scratch, file.type == .regularFile else {
      return try file.write(pieces, at: offset)
    }
    let isAppended = descriptor.flags.contains(.append)
    let start = isAppended ? scratch.size(of: file) : offset ?? lseek(file.number, 0, SEEK_CUR)
    let (end, overflow) = start.addingReportingOverflow(
      pieces.reduce(0) { $0 + Int($1.iov_len) })
    guard !overflow else { throw WASIError(.fileTooBig) }
    try scratch.check(end, of: file)
    let count = try file.write(pieces, at: offset)
    if let count, count > 0 { scratch.reached(start + Int(count), in: file) }
    return count
  }
}

extension HostCall {
  static func check(_ result: Int32) throws(WASIError) {
    guard result < 0 else { return }
    throw WASIError(Errno(host: errno))
  }

  /// (descriptor, offset, length, advice)
  fileprivate func advise() throws(WASIError) {
    let use = try file(0, .advise)
    let advices = [
      POSIX_FADV_NORMAL, POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM, POSIX_FADV_WILLNEED,
      POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE,
    ]
    let (start, length) = (try offset(1), try offset(2))
    guard u32(3) < UInt32(advices.count) else { throw WASIError(.invalid) }
    let code = posix_fadvise(use.file.number, start, length, advices[Int(u32(3))])
    guard code == 0 else { throw WASIError(Errno(host: code)) }
  }

  /// (descriptor, offset, length)
  fileprivate func allocate() throws(WASIError) {
    let use = try file(0, .allocate)
    let (start, length) = (try offset(1), try offset(2))
    let (end, overflow) = start.addingReportingOverflow(length)
    guard !overflow else { throw WASIError(.fileTooBig) }
    guard length > 0 else { throw WASIError(.invalid) }
    try use.tree?.scratch?.check(end, of: use.file)
    let code = gf_allocate(use.file.number, Int64(start), Int64(length))
    guard code == 0 else { throw WASIError(Errno(host: -code)) }
    use.tree?.scratch?.reached(end, in: use.file)
  }

  /// What is gone with the instance need not survive anything.
  fileprivate func sync(_ right: Rights, _ body: (Int32) -> Int32) throws(WASIError) {
    let use = try file(0, right)
    guard use.tree?.scratch == nil else { return }
    try Self.check(body(use.file.number))
  }

  /// - Parameter place: the argument that says where the new position goes.
  fileprivate func seek(
    _ distance: Int, _ kind: Int32, _ right: Rights, _ place: Int
  ) throws(WASIError) {
    let descriptor = try instance.descriptor(u32(0))
    guard let file = descriptor.file else { throw WASIError(.illegalSeek) }
    guard file.shape != .folder else { throw WASIError(.isDirectory) }
    guard file.shape == .regular || descriptor.rights.contains(.seek) else {
      throw WASIError(.illegalSeek)
    }
    // Who may seek may ask where it stands.
    let isAllowed =
      descriptor.rights.isSuperset(of: right)
      || (right == .tell && descriptor.rights.contains(.seek))
    guard isAllowed else { throw WASIError(.notCapable) }
    try checkPlace(place, 8)
    let position = lseek(file.number, distance, kind)
    guard position >= 0 else { throw WASIError(Errno(host: errno)) }
    try store(UInt64(position), at: u32(place))
  }

  /// (descriptor, where 64 bytes of status go)
  fileprivate func status() throws(WASIError) {
    let descriptor = try instance.descriptor(u32(0))
    guard let place = memory.bytes(at: u32(1), count: FileStatus.size) else {
      throw WASIError(.fault)
    }
    guard let file = descriptor.file else {
      place.initializeMemory(as: UInt8.self, repeating: 0)
      return
    }
    guard descriptor.rights.contains(.status) else { throw WASIError(.notCapable) }
    try FileStatus(of: file.number).store(in: place)
  }

  /// (descriptor, size)
  fileprivate func setSize() throws(WASIError) {
    let use = try file(0, .setSize)
    guard let size = Int(exactly: u64(1)) else { throw WASIError(.fileTooBig) }
    try use.tree?.scratch?.check(size, of: use.file)
    try Self.check(ftruncate(use.file.number, size))
    use.tree?.scratch?.resized(use.file, to: size)
  }
}
