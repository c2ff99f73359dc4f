import CGuestFiles
import CWasmtime
import Glibc

extension WASIFunctions {
  /// What can be done with paths. All of them are seen from a folder that the guest has open, and stay
  /// beneath it.
  static let pathFunctions: [WASIFunction] = [
    WASIFunction("path_create_directory", "iii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.onPath("path_create_directory", folder: 0, path: 1, .createFolder) {
          use throws(WASIError) in try use.tree.makeFolder(use.path, in: use.folder)
        }
      }
    },
    WASIFunction("path_remove_directory", "iii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.onPath("path_remove_directory", folder: 0, path: 1, .removeFolder) {
          use throws(WASIError) in try use.tree.removeFolder(use.path, in: use.folder)
        }
      }
    },
    WASIFunction("path_unlink_file", "iii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.onPath("path_unlink_file", folder: 0, path: 1, .unlinkFile) {
          use throws(WASIError) in try use.tree.removeFile(use.path, in: use.folder)
        }
      }
    },
    WASIFunction("path_filestat_get", "iiiii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.pathStatus() }
    },
    WASIFunction("path_filestat_set_times", "iiiiIIi") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.setPathTimes() }
    },
    WASIFunction("path_readlink", "iiiiii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.readLink() }
    },
    WASIFunction("path_symlink", "iiiii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.makeSymbolicLink() }
    },
    WASIFunction("path_link", "iiiiiii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        // A link to what a symbolic link leads to would be one more way around.
        guard call.u32(1) == 0 else { throw WASIError(.invalid) }
        try call.onPath("path_link", folder: 0, path: 2, .linkSource) { old throws(WASIError) in
          try call.onPath("path_link", folder: 4, path: 5, .linkTarget) { new throws(WASIError) in
            try old.tree.link(old.path, in: old.folder, as: new.path, in: new.folder)
          }
        }
      }
    },
    WASIFunction("path_rename", "iiiiii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        try call.onPath("path_rename", folder: 0, path: 1, .renameSource) { old throws(WASIError) in
          try call.onPath("path_rename", folder: 3, path: 4, .renameTarget) {
            new throws(WASIError) in
            try old.tree.rename(old.path, in: old.folder, to: new.path, in: new.folder)
          }
        }
      }
    },
    WASIFunction("path_open", "iiiiiIIii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in try call.openPath() }
    },
  ]
}

extension HostCall {
  /// `lookupflags` of argument `index`: whether a symbolic link at the end is followed.
  fileprivate func follows(_ index: Int) throws(WASIError) -> Bool {
    guard u32(index) < 2 else { throw WASIError(.invalid) }
    return u32(index) == 1
  }

  /// (folder, lookup flags, path, its length, where 64 bytes of status go)
  fileprivate func pathStatus() throws(WASIError) {
    let follow = try follows(1)
    guard let place = memory.bytes(at: u32(4), count: FileStatus.size) else {
      throw WASIError(.fault)
    }
    try onPath("path_filestat_get", folder: 0, path: 2, .pathStatus) { use throws(WASIError) in
      try use.tree.withHandle(use.path, in: use.folder, follow: follow) {
        handle throws(WASIError) in try FileStatus(of: handle).store(in: place)
      }
    }
  }

  /// (folder, lookup flags, path, its length, access time, modification time, flags)
  fileprivate func setPathTimes() throws(WASIError) {
    let follow = try follows(1)
    let times = try FileStatus.times(access: u64(4), modification: u64(5), flags: u32(6))
    try onPath("path_filestat_set_times", folder: 0, path: 2, .pathSetTimes) {
      use throws(WASIError) in
      try use.tree.withHandle(use.path, in: use.folder, follow: follow) {
        handle throws(WASIError) in
        let code = gf_set_times(handle, times)
        guard code == 0 else { throw WASIError(Errno(host: -code)) }
      }
    }
  }

  /// (folder, path, its length, buffer, its length, where the number of bytes goes). What is longer
  /// than the buffer is cut off.
  fileprivate func readLink() throws(WASIError) {
    guard let buffer = memory.bytes(at: u32(3), count: Int(u32(4))) else {
      throw WASIError(.fault)
    }
    try checkPlace(5, 4)
    try onPath("path_readlink", folder: 0, path: 1, .readLink) { use throws(WASIError) in
      try use.tree.withHandle(use.path, in: use.folder, follow: false) {
        handle throws(WASIError) in
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlinkat(handle, "", &target, target.count)
        guard length >= 0 else {
          // For what is no link the kernel says so in a way of its own.
          throw WASIError(errno == ENOENT ? .invalid : Errno(host: errno))
        }
        let fitting = min(length, buffer.count)
        target.withUnsafeBytes { buffer.copyMemory(from: .init(rebasing: $0[..<fitting])) }
        try store(UInt32(fitting), at: u32(5))
      }
    }
  }

  /// (target, its length, folder, path, its length)
  fileprivate func makeSymbolicLink() throws(WASIError) {
    guard let bytes = memory.bytes(at: u32(0), count: Int(u32(1))) else { throw WASIError(.fault) }
    let target = try GuestPath(UnsafeRawBufferPointer(bytes))
    try onPath("path_symlink", folder: 2, path: 3, .symlink) { use throws(WASIError) in
      try use.tree.makeLink(to: target, use.path, in: use.folder)
    }
  }
}
