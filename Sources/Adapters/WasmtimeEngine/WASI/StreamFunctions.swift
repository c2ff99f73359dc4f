import CWasmtime

extension WASIFunctions {
  /// What the standard streams can do.
  static let streamFunctions: [WASIFunction] = [
    WASIFunction("fd_write", "iiii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.write() }
    },
    WASIFunction("fd_close", "i") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        _ = try call.instance.wasi.stream(call.u32(0))
        call.instance.wasi.descriptors[Int(call.u32(0))] = nil
      }
    },
    WASIFunction("fd_renumber", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let stream = try call.instance.wasi.stream(call.u32(0))
        _ = try call.instance.wasi.stream(call.u32(1))
        guard call.u32(0) != call.u32(1) else { return }
        call.instance.wasi.descriptors[Int(call.u32(1))] = stream
        call.instance.wasi.descriptors[Int(call.u32(0))] = nil
      }
    },
    WASIFunction("fd_fdstat_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.describe() }
    },
    WASIFunction("fd_fdstat_set_flags", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        _ = try call.instance.wasi.stream(call.u32(0))
      }
    },
    WASIFunction("fd_filestat_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        _ = try call.instance.wasi.stream(call.u32(0))
        guard let place = call.memory.bytes(at: call.u32(1), count: 64) else {
          throw WASIError(.fault)
        }
        place.initializeMemory(as: UInt8.self, repeating: 0)
      }
    },
    WASIFunction("fd_seek", "iIii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        _ = try call.instance.wasi.stream(call.u32(0))
        throw WASIError(.illegalSeek)
      }
    },
    WASIFunction("fd_tell", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        _ = try call.instance.wasi.stream(call.u32(0))
        throw WASIError(.illegalSeek)
      }
    },
    // Nothing is pre-opened: this is how a guest finds out.
    WASIFunction("fd_prestat_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { _ throws(WASIError) in throw WASIError(.badDescriptor) }
    },
    WASIFunction("fd_prestat_dir_name", "iii") { _, caller, values, _ in
      HostCall.answer(caller, values) { _ throws(WASIError) in throw WASIError(.badDescriptor) }
    },
  ]
}

/// The rights of WASI preview 1 that the standard streams have.
private enum Rights {
  static let read: UInt64 = 1 << 1
  static let write: UInt64 = 1 << 6
  static let poll: UInt64 = 1 << 27
}

extension HostCall {
  /// (descriptor, vectors, count of vectors, where the number of written bytes goes)
  fileprivate func write() throws(WASIError) {
    let stream = try instance.wasi.stream(u32(0))
    var written: UInt32 = 0
    for vector in try memory.vectors(at: u32(1), count: u32(2)) {
      guard let bytes = memory.bytes(at: vector.address, count: Int(vector.count)) else {
        throw WASIError(.fault)
      }
      let (sum, overflow) = written.addingReportingOverflow(vector.count)
      guard !overflow else { throw WASIError(.invalid) }
      try instance.write(UnsafeRawBufferPointer(bytes), to: stream)
      written = sum
    }
    try store(written, at: u32(3))
  }

  /// (descriptor, where 24 bytes of description go)
  fileprivate func describe() throws(WASIError) {
    let stream = try instance.wasi.stream(u32(0))
    guard let place = memory.bytes(at: u32(1), count: 24) else { throw WASIError(.fault) }
    place.initializeMemory(as: UInt8.self, repeating: 0)
    // The file type stays 0 ("unknown", as for a pipe): a terminal would make C libraries write
    // line by line.
    let rights: UInt64 =
      switch stream {
      case .input: Rights.read
      case .output, .log: Rights.write
      case .host: Rights.read | Rights.write
      }
    place.storeBytes(of: rights | Rights.poll, toByteOffset: 8, as: UInt64.self)
  }
}
