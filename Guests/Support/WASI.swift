// What the Embedded Swift guests need of WASI preview 1 and of a C library, in Swift itself.

/// A piece of memory as WASI sees it.
struct WASIBuffer {
  var start: UnsafeMutableRawPointer?
  var count: UInt32
}

@_extern(wasm, module: "wasi_snapshot_preview1", name: "fd_read")
@_extern(c)
func fd_read(
  _ file: UInt32, _ buffers: UnsafeRawPointer, _ count: UInt32, _ length: UnsafeMutableRawPointer
) -> UInt32

@_extern(wasm, module: "wasi_snapshot_preview1", name: "fd_write")
@_extern(c)
func fd_write(
  _ file: UInt32, _ buffers: UnsafeRawPointer, _ count: UInt32, _ length: UnsafeMutableRawPointer
) -> UInt32

@_extern(wasm, module: "wasi_snapshot_preview1", name: "proc_exit")
@_extern(c)
func proc_exit(_ status: UInt32)

@_extern(wasm, module: "wasi_snapshot_preview1", name: "environ_sizes_get")
@_extern(c)
func environ_sizes_get(
  _ count: UnsafeMutableRawPointer, _ bytes: UnsafeMutableRawPointer
) -> UInt32

@_extern(wasm, module: "wasi_snapshot_preview1", name: "environ_get")
@_extern(c)
func environ_get(_ entries: UnsafeMutableRawPointer, _ bytes: UnsafeMutableRawPointer) -> UInt32

/// The command's surroundings: standard input and output, environment, exit.
enum WASI {
  private static let inputOutputError: UInt32 = 74

  /// The whole standard input. Exits with a message when it is longer than `limit` bytes.
  static func readInput(limit: Int) -> [UInt8] {
    var input: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16_384)
    while true {
      let length = piece.withUnsafeMutableBytes { memory in
        var buffer = WASIBuffer(start: memory.baseAddress, count: UInt32(memory.count))
        var length: UInt32 = 0
        if fd_read(0, &buffer, 1, &length) != 0 { exit(inputOutputError) }
        return Int(length)
      }
      if length == 0 { return input }
      if input.count + length > limit { fail("the input is too long") }
      input.append(contentsOf: piece[..<length])
    }
  }

  /// Writes all bytes to the standard output.
  static func write(_ bytes: [UInt8]) {
    write(bytes, to: 1)
  }

  /// Writes a line to the standard error and exits with status 1.
  static func fail(_ message: StaticString) -> Never {
    log(message)
    exit(1)
  }

  private static func exit(_ status: UInt32) -> Never {
    proc_exit(status)
    preconditionFailure("the host came back from the exit")
  }

  /// Writes a line to the standard error.
  static func log(_ message: StaticString) {
    write(message.bytes + [UInt8(ascii: "\n")], to: 2)
  }

  /// The value of an environment variable, or nothing.
  static func variable(_ name: StaticString) -> [UInt8]? {
    var count: UInt32 = 0
    var size: UInt32 = 0
    guard environ_sizes_get(&count, &size) == 0, count > 0 else { return nil }
    var entries = [UInt32](repeating: 0, count: Int(count))
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let status = entries.withUnsafeMutableBytes { entries in
      bytes.withUnsafeMutableBytes { environ_get(entries.baseAddress!, $0.baseAddress!) }
    }
    guard status == 0 else { return nil }
    let prefix = name.bytes + [UInt8(ascii: "=")]
    for entry in bytes.split(separator: 0) where entry.starts(with: prefix) {
      return Array(entry.dropFirst(prefix.count))
    }
    return nil
  }

  private static func write(_ bytes: [UInt8], to file: UInt32) {
    bytes.withUnsafeBytes { memory in
      var offset = 0
      while offset < memory.count {
        let rest = UnsafeMutableRawPointer(mutating: memory.baseAddress! + offset)
        var buffer = WASIBuffer(start: rest, count: UInt32(memory.count - offset))
        var length: UInt32 = 0
        if fd_write(file, &buffer, 1, &length) != 0 { exit(inputOutputError) }
        offset += Int(length)
      }
    }
  }
}

extension StaticString {
  var bytes: [UInt8] {
    Array(UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount))
  }
}
