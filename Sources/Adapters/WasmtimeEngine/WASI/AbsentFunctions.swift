import CWasmtime

extension WASIFunctions {
  /// Files and sockets, which no grant gives yet: the standard streams are neither, and there is no
  /// other descriptor.
  static let absentFunctions: [WASIFunction] =
    [
      ("fd_advise", "iIIi"), ("fd_allocate", "iII"), ("fd_filestat_set_size", "iI"),
      ("fd_filestat_set_times", "iIIi"), ("fd_fdstat_set_rights", "iII"),
      ("fd_datasync", "i"), ("fd_sync", "i"),
    ].map { name, parameters in
      WASIFunction(name, parameters) { _, caller, values, _ in
        refuse(caller, values, .notCapable)
      }
    }
    + [("fd_pread", "iiiIi"), ("fd_pwrite", "iiiIi")].map { name, parameters in
      WASIFunction(name, parameters) { _, caller, values, _ in
        refuse(caller, values, .illegalSeek)
      }
    }
    + [
      ("fd_readdir", "iiiIi"), ("path_create_directory", "iii"),
      ("path_filestat_get", "iiiii"), ("path_filestat_set_times", "iiiiIIi"),
      ("path_open", "iiiiiIIii"), ("path_readlink", "iiiiii"),
      ("path_remove_directory", "iii"), ("path_rename", "iiiiii"),
      ("path_unlink_file", "iii"),
    ].map { name, parameters in
      WASIFunction(name, parameters) { _, caller, values, _ in
        refuse(caller, values, .notDirectory)
      }
    }
    + [
      ("sock_accept", "iii"), ("sock_recv", "iiiiii"), ("sock_send", "iiiii"),
      ("sock_shutdown", "ii"),
    ].map { name, parameters in
      WASIFunction(name, parameters) { _, caller, values, _ in
        refuse(caller, values, .notSocket)
      }
    }
    + [
      // The descriptors of these two are not the first argument.
      WASIFunction("path_link", "iiiiiii") { _, caller, values, _ in
        refuse(caller, values, .notDirectory)
      },
      WASIFunction("path_symlink", "iiiii") { _, caller, values, _ in
        HostCall.answer(caller, values) { call throws(WASIError) in
          _ = try call.instance.wasi.stream(call.u32(2))
          throw WASIError(.notDirectory)
        }
      },
    ]

  private static func refuse(
    _ caller: OpaquePointer?, _ values: UnsafeMutablePointer<wasmtime_val_raw_t>?, _ number: Errno
  ) -> OpaquePointer? {
    HostCall.answer(caller, values) { call throws(WASIError) in
      _ = try call.instance.wasi.stream(call.u32(0))
      throw WASIError(number)
    }
  }
}
