import CWasmtime

/// An `fd_read` that waits for an answer of the platform.
struct ReadRequest {
  var vectorsAddress: UInt32
  var vectors: UInt32
  var countAddress: UInt32
  /// Where the error number goes; lives until the continuation says that it is done.
  var results: UnsafeMutablePointer<wasmtime_val_t>
}

/// `fd_read` as an asynchronous host function: standard input never blocks, but a guest that waits for an
/// answer gives its worker back.
enum ReadFunction {
  static let start: wasmtime_func_async_callback_t = {
    _, caller, arguments, _, results, _, _, continuation in
    guard let continuation else { return }
    continuation.pointee.callback = { _ in true }
    guard let caller, let arguments, let results,
      let context = wasmtime_caller_context(caller),
      let data = wasmtime_context_get_data(context)
    else { return }
    let instance = Unmanaged<CommandInstance>.fromOpaque(data).takeUnretainedValue()
    results.pointee.kind = 0
    results.pointee.of.i32 = Errno.success.rawValue
    let request = ReadRequest(
      vectorsAddress: UInt32(bitPattern: arguments[1].of.i32),
      vectors: UInt32(bitPattern: arguments[2].of.i32),
      countAddress: UInt32(bitPattern: arguments[3].of.i32), results: results)
    do throws(WASIError) {
      let memory = instance.memory(caller, context)
      switch try instance.wasi.stream(UInt32(bitPattern: arguments[0].of.i32)) {
      case .input: try readInput(request, instance, memory)
      case .host:
        guard try !readAnswers(request, instance, memory) else { return }
        instance.wasi.reading = request
        continuation.pointee.env = data
        continuation.pointee.callback = { finish($0) }
      case .output, .log: throw WASIError(.badDescriptor)
      }
    } catch {
      results.pointee.of.i32 = error.number.rawValue
    }
  }

  private static func readInput(
    _ request: ReadRequest, _ instance: CommandInstance, _ memory: GuestMemory
  ) throws(WASIError) {
    var count: UInt32 = 0
    var offset = instance.wasi.inputOffset
    for vector in try memory.vectors(at: request.vectorsAddress, count: request.vectors) {
      guard let place = memory.bytes(at: vector.address, count: Int(vector.count)) else {
        throw WASIError(.fault)
      }
      let rest = instance.wasi.input[offset...].prefix(Int(vector.count))
      place.copyBytes(from: rest)
      offset += rest.count
      count += UInt32(rest.count)
      if rest.count < Int(vector.count) { break }
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

  /// The continuation: true when answers are in the guest's memory.
  private static func finish(_ environment: UnsafeMutableRawPointer?) -> Bool {
    guard let environment else { return true }
    let instance = Unmanaged<CommandInstance>.fromOpaque(environment).takeUnretainedValue()
    guard let request = instance.wasi.reading else { return true }
    do throws(WASIError) {
      guard try readAnswers(request, instance, instance.currentMemory) else { return false }
    } catch {
      request.results.pointee.of.i32 = error.number.rawValue
    }
    instance.wasi.reading = nil
    return true
  }
}
