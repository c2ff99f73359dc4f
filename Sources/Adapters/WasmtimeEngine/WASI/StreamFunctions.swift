import CGuestFiles
import CWasmtime
import Glibc

extension WASIFunctions {
  /// What every descriptor can do.
  static let streamFunctions: [WASIFunction] = [
    WASIFunction("fd_close", "i") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.instance.wasi.descriptors.close(call.u32(0))
      }
    },
    WASIFunction("fd_renumber", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.instance.wasi.descriptors.move(call.u32(0), to: call.u32(1))
      }
    },
    WASIFunction("fd_fdstat_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.describe() }
    },
    WASIFunction("fd_fdstat_set_flags", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.setFlags() }
    },
    WASIFunction("fd_fdstat_set_rights", "iII") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        var descriptor = try call.instance.wasi.descriptors[call.u32(0)]
        let (rights, inheriting) = (Rights(rawValue: call.u64(1)), Rights(rawValue: call.u64(2)))
        // Rights can only be given up.
        guard rights.isSubset(of: descriptor.rights),
          inheriting.isSubset(of: descriptor.inheriting)
        else { throw WASIError(.notCapable) }
        descriptor.rights = rights
        descriptor.inheriting = inheriting
        try call.instance.wasi.descriptors.replace(call.u32(0), by: descriptor)
      }
    },
  ]
}

extension HostCall {
  /// (descriptor, where 24 bytes of description go)
  fileprivate func describe() throws(WASIError) {
    let descriptor = try instance.wasi.descriptors[u32(0)]
    guard let place = memory.bytes(at: u32(1), count: 24) else { throw WASIError(.fault) }
    place.initializeMemory(as: UInt8.self, repeating: 0)
    // Streams in memory stay "unknown", as pipes are: a terminal would make C libraries write line by
    // line.
    let type: FileType =
      descriptor.kind == .scratch ? .folder : descriptor.file?.type ?? .unknown
    place.storeBytes(of: type.rawValue, toByteOffset: 0, as: UInt8.self)
    place.storeBytes(of: descriptor.flags.rawValue, toByteOffset: 2, as: UInt16.self)
    place.storeBytes(of: descriptor.rights.rawValue, toByteOffset: 8, as: UInt64.self)
    place.storeBytes(of: descriptor.inheriting.rawValue, toByteOffset: 16, as: UInt64.self)
  }

  /// (descriptor, flags)
  fileprivate func setFlags() throws(WASIError) {
    var descriptor = try instance.wasi.descriptors[u32(0)]
    guard let number = UInt16(exactly: u32(1)) else { throw WASIError(.invalid) }
    let flags = DescriptorFlags(rawValue: number)
    guard flags.isSubset(of: .all) else { throw WASIError(.invalid) }
    guard descriptor.rights.contains(.setFlags) else { throw WASIError(.notCapable) }
    // How a file is synced is decided when it is opened.
    guard
      flags.intersection(.synchronous) == descriptor.flags.intersection(.synchronous)
    else { throw WASIError(.notSupported) }
    if let file = descriptor.file, file.shape == .regular, file.tree != nil {
      let (kept, set) = (O_NONBLOCK, flags.contains(.append) ? O_APPEND : 0)
      try Self.check(fcntl(file.number, F_SETFL, kept | set))
    }
    descriptor.flags = flags
    try instance.wasi.descriptors.replace(u32(0), by: descriptor)
  }
}
