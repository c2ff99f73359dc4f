import CWasmtime
import Glibc

/// An `fd_read` as a guest asks for it.
struct ReadRequest {
  var descriptor: UInt32
  var vectorsAddress: UInt32
  var vectors: UInt32
  var countAddress: UInt32
  /// Where the error number goes when it waits; lives until the continuation says that it is done.
  var results: UnsafeMutablePointer<wasmtime_val_t>?
}

/// `fd_read` as an asynchronous host function: a guest that waits for an answer of the platform, or for
/// somebody who writes into a pipe, gives its worker back.
enum ReadFunction {
  static let name = "fd_read"

  /// For guests that have nothing to read but what is in memory.
  static let synchronous = WASIFunction(name, "iiii") { _, caller, values, _ in
    HostCall.answer(caller, values) { (call, instance) throws(WASIError) in
      let request = ReadRequest(
        descriptor: call.u32(0), vectorsAddress: call.u32(1), vectors: call.u32(2),
        countAddress: call.u32(3))
      guard try read(request, instance, call.memory) else { throw WASIError(.again) }
    }
  }

  static let asynchronous: wasmtime_func_async_callback_t = {
    _, caller, arguments, _, results, _, trap, continuation in
    AsyncCall.start(caller, results, trap, continuation) { instance, memory throws(WASIError) in
      guard let arguments, let results else { return nil }
      let request = ReadRequest(
        descriptor: UInt32(bitPattern: arguments[0].of.i32),
        vectorsAddress: UInt32(bitPattern: arguments[1].of.i32),
        vectors: UInt32(bitPattern: arguments[2].of.i32),
        countAddress: UInt32(bitPattern: arguments[3].of.i32), results: results)
      return try read(request, instance, memory) ? nil : .read(request)
    }
  }

  /// - Returns: false when the guest has to wait.
  static func read(
    _ request: ReadRequest, _ instance: CommandInstance, _ memory: GuestMemory
  ) throws(WASIError) -> Bool {
    let (kind, rights) = try instance.wasi.descriptors.kind(request.descriptor)
    switch kind {
    case .output, .log: throw WASIError(.badDescriptor)
    case .scratch: throw WASIError(.notCapable)
    case .input, .host, .file: break
    }
    guard rights.contains(.read) else { throw WASIError(.notCapable) }
    switch kind {
    case .input:
      guard !instance.inputIsOpen else {
        let flags = try instance.descriptor(request.descriptor).flags
        guard !flags.contains(.nonBlocking) else { throw WASIError(.again) }
        return false
      }
      try readInput(request, instance, memory)
    case .host: return try readAnswers(request, instance, memory)
    case .file: return try readFile(request, instance, memory)
    case .output, .log, .scratch: break
    }
    return true
  }

  private static func readFile(
    _ request: ReadRequest, _ instance: CommandInstance, _ memory: GuestMemory
  ) throws(WASIError) -> Bool {
    let descriptor = try instance.descriptor(request.descriptor)
    guard let file = descriptor.file else { throw WASIError(.badDescriptor) }
    let places = try memory.buffers(at: request.vectorsAddress, count: request.vectors)
    guard memory.bytes(at: request.countAddress, count: 4) != nil else { throw WASIError(.fault) }
    guard let count = try file.read(places, at: nil) else {
      guard !descriptor.flags.contains(.nonBlocking) else { throw WASIError(.again) }
      return false
    }
    guard memory.store(UInt32(count), at: request.countAddress) else { throw WASIError(.fault) }
    return true
  }

  private static func readInput(
    _ request: ReadRequest, _ instance: CommandInstance, _ memory: GuestMemory
  ) throws(WASIError) {
    var count: UInt32 = 0
    let input = instance.wasi.input
    var offset = instance.wasi.inputOffset
    for vector in try memory.vectors(at: request.vectorsAddress, count: request.vectors) {
      guard let place = memory.bytes(at: vector.address, count: Int(vector.count)) else {
        throw WASIError(.fault)
      }
      let taken = min(input.count - offset, place.count)
      input.withUnsafeBytes { bytes in
        place.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + taken]))
      }
      offset += taken
      count += UInt32(taken)
      if taken < place.count { break }
    }
    guard memory.store(count, at: request.countAddress) else { throw WASIError(.fault) }
    instance.wasi.inputOffset = offset
  }

  /// - Returns: whether the guest need not wait.
  private static func readAnswers(
    _ request: ReadRequest, _ instance: CommandInstance, _ memory: GuestMemory
  ) throws(WASIError) -> Bool {
    guard let channel = instance.pending.channel else { throw WASIError(.badDescriptor) }
    var places: [UnsafeMutableRawBufferPointer] = []
    // Looked at before anything is taken, so that nothing is lost.
    for vector in try memory.vectors(at: request.vectorsAddress, count: request.vectors) {
      guard let place = memory.bytes(at: vector.address, count: Int(vector.count)) else {
        throw WASIError(.fault)
      }
      places.append(place)
    }
    guard memory.bytes(at: request.countAddress, count: 4) != nil else { throw WASIError(.fault) }
    let room = places.reduce(0) { $0 + $1.count }
    var answers: ArraySlice<UInt8>
    switch channel.read(min(room, GuestLine.maximumLength), by: instance.pending) {
    case .wait: return false
    case .end: answers = []
    case .bytes(let bytes): answers = bytes[...]
    }
    guard memory.store(UInt32(answers.count), at: request.countAddress) else {
      throw WASIError(.fault)
    }
    for place in places {
      let piece = answers.prefix(place.count)
      place.copyBytes(from: piece)
      answers = answers.dropFirst(piece.count)
    }
    return true
  }
}
