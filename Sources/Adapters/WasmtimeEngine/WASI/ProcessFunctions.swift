import CWasmtime

extension WASIFunctions {
  /// Arguments, environment, randomness, exit.
  static let processFunctions: [WASIFunction] = [
    WASIFunction("args_sizes_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.storeSizes(of: call.instance.wasi.arguments)
      }
    },
    WASIFunction("args_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.storeTexts(call.instance.wasi.arguments)
      }
    },
    WASIFunction("environ_sizes_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.storeSizes(of: call.instance.wasi.environment)
      }
    },
    WASIFunction("environ_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.storeTexts(call.instance.wasi.environment)
      }
    },
    WASIFunction("random_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.fillWithRandomBytes()
      }
    },
    WASIFunction("proc_exit", "i", results: "") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        call.instance.wasi.end(.exit(Int32(bitPattern: call.u32(0))))
      }
    },
    WASIFunction("proc_raise", "i") { _, caller, values, _ in
      HostCall.answer(caller, values) { _ throws(WASIError) in throw WASIError(.notImplemented) }
    },
    WASIFunction("sched_yield", "") { _, caller, values, _ in
      HostCall.answer(caller, values) { _ throws(WASIError) in }
    },
  ]
}

extension HostCall {
  /// Argument 0: where the count goes; 1: where the bytes in all go, final zeros included.
  fileprivate func storeSizes(of texts: [String]) throws(WASIError) {
    try store(UInt32(texts.count), at: u32(0))
    try store(UInt32(texts.reduce(0) { $0 + $1.utf8.count + 1 }), at: u32(1))
  }

  /// Argument 0: where the pointers go; 1: where the texts go, each with a final zero.
  fileprivate func storeTexts(_ texts: [String]) throws(WASIError) {
    var pointer = u32(0)
    var address = u32(1)
    for text in texts {
      let bytes = Array(text.utf8) + [0]
      try store(address, at: pointer)
      guard let place = memory.bytes(at: address, count: bytes.count) else {
        throw WASIError(.fault)
      }
      place.copyBytes(from: bytes)
      pointer &+= 4
      address &+= UInt32(bytes.count)
    }
  }

  /// More in one call would hold the worker for long, and nobody needs it.
  private static let maximumRandomBytes = 16 << 20

  fileprivate func fillWithRandomBytes() throws(WASIError) {
    let count = Int(u32(1))
    guard let place = memory.bytes(at: u32(0), count: count) else { throw WASIError(.fault) }
    guard count <= Self.maximumRandomBytes else { throw WASIError(.invalid) }
    wm_fill_random(place.baseAddress, count)
  }
}
