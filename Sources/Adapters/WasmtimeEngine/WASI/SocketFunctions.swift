import CWasmtime

extension WASIFunctions {
  /// Sockets are never granted: no descriptor is one.
  static let socketFunctions: [WASIFunction] = [
    ("sock_accept", "iii"), ("sock_recv", "iiiiii"), ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
  ].map { name, parameters in
    WASIFunction(name, parameters) { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        _ = try call.instance.wasi.descriptors.kind(call.u32(0))
        throw WASIError(.notSocket)
      }
    }
  }
}
