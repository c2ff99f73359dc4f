import CWasmtime
import Glibc

/// An `fd_write` as a guest asks for it.
struct WriteRequest {
  var descriptor: UInt32
  var vectorsAddress: UInt32
  var vectors: UInt32
  var countAddress: UInt32
  /// Where the error number goes when it waits; lives until the continuation says that it is done.
  var results: UnsafeMutablePointer<wasmtime_val_t>?
}

/// `fd_write`. It never waits where guests write to memory and files alone; where they write to pipes
/// and terminals it is an asynchronous function, which costs more, and gives the worker back.
enum WriteFunction {
  static let synchronous = WASIFunction("fd_write", "iiii") { _, caller, values, _ in
    HostCall.answer(caller, values) { (call, instance) throws(WASIError) in
      let request = WriteRequest(
        descriptor: call.u32(0), vectorsAddress: call.u32(1), vectors: call.u32(2),
        countAddress: call.u32(3))
      guard try write(request, instance, call.memory) else { throw WASIError(.again) }
    }
  }

  static let asynchronous: wasmtime_func_async_callback_t = {
    _, caller, arguments, _, results, _, trap, continuation in
    AsyncCall.start(caller, results, trap, continuation) { instance, memory throws(WASIError) in
      guard let arguments, let results else { return nil }
      let request = WriteRequest(
        descriptor: UInt32(bitPattern: arguments[0].of.i32),
        vectorsAddress: UInt32(bitPattern: arguments[1].of.i32),
        vectors: UInt32(bitPattern: arguments[2].of.i32),
        countAddress: UInt32(bitPattern: arguments[3].of.i32), results: results)
      return try write(request, instance, memory) ? nil : .write(request)
    }
  }

  /// - Returns: false when it would have to wait, and the guest wants that.
  static func write(
    _ request: WriteRequest, _ instance: CommandInstance, _ memory: GuestMemory
  ) throws(WASIError) -> Bool {
    let (kind, rights) = try instance.wasi.descriptors.kind(request.descriptor)
    switch kind {
    case .input: throw WASIError(.badDescriptor)
    case .scratch: throw WASIError(.notCapable)
    case .file: return try writeFile(request, instance, memory)
    case .output, .log, .host: break
    }
    guard rights.contains(.write) else { throw WASIError(.notCapable) }
    var written: UInt32 = 0
    for vector in try memory.vectors(at: request.vectorsAddress, count: request.vectors) {
      guard let bytes = memory.bytes(at: vector.address, count: Int(vector.count)) else {
        throw WASIError(.fault)
      }
      let (sum, overflow) = written.addingReportingOverflow(vector.count)
      guard !overflow else { throw WASIError(.invalid) }
      try instance.write(UnsafeRawBufferPointer(bytes), to: kind)
      written = sum
    }
    guard memory.store(written, at: request.countAddress) else { throw WASIError(.fault) }
    return true
  }

  private static func writeFile(
    _ request: WriteRequest, _ instance: CommandInstance, _ memory: GuestMemory
  ) throws(WASIError) -> Bool {
    let descriptor = try instance.descriptor(request.descriptor)
    guard let file = descriptor.file, descriptor.rights.contains(.write) else {
      throw WASIError(.notCapable)
    }
    let pieces = try memory.buffers(at: request.vectorsAddress, count: request.vectors)
    guard memory.bytes(at: request.countAddress, count: 4) != nil else { throw WASIError(.fault) }
    guard let count = try FileUse(descriptor: descriptor, file: file).write(pieces, at: nil) else {
      guard !descriptor.flags.contains(.nonBlocking) else { throw WASIError(.again) }
      return false
    }
    guard memory.store(UInt32(count), at: request.countAddress) else { throw WASIError(.fault) }
    return true
  }
}
