import CWasmtime
import ClusterModel

/// Reads what the library says about a failure, and releases it.
enum LibraryFailure {
  /// The message of an error; the error is deleted.
  static func message(consuming error: OpaquePointer) -> String {
    defer { wasmtime_error_delete(error) }
    return message(of: error)
  }

  static func message(of error: OpaquePointer) -> String {
    var text = wasm_name_t()
    wasmtime_error_message(error, &text)
    defer { wasm_byte_vec_delete(&text) }
    return string(text)
  }

  static func string(_ bytes: wasm_byte_vec_t) -> String {
    guard let data = bytes.data else { return "" }
    var text = UnsafeBufferPointer(start: data, count: bytes.size)[...]
    while text.last == 0 { text = text.dropLast() }
    return String(decoding: text, as: UTF8.self)
  }

  /// The failure that a trap is; the trap is deleted.
  static func failure(consumingTrap trap: OpaquePointer) -> ActivationFailure {
    defer { wasm_trap_delete(trap) }
    var text = wasm_byte_vec_t()
    wasm_trap_message(trap, &text)
    defer { wasm_byte_vec_delete(&text) }
    var code: UInt8 = 0
    let name = wasmtime_trap_code(trap, &code) ? trapName(code) : nil
    var frames = wasm_frame_vec_t()
    wasm_trap_trace(trap, &frames)
    let isStack = name == "stack_overflow"
    return ActivationFailure(
      code: isStack ? .stackLimit : .guestTrapped,
      message: isStack ? "the module called deeper than its stack" : firstLine(string(text)),
      trap: name, frames: guestFrames(consuming: &frames))
  }

  /// The failure that an error is; the error is deleted.
  static func failure(consumingError error: OpaquePointer) -> ActivationFailure {
    defer { wasmtime_error_delete(error) }
    var frames = wasm_frame_vec_t()
    wasmtime_error_wasm_trace(error, &frames)
    let text = firstLine(message(of: error))
    return ActivationFailure(
      code: isExhaustion(text) ? .overloaded : .guestTrapped, message: text,
      frames: guestFrames(consuming: &frames))
  }

  /// The pool is full, or the kernel gave no memory: nothing that the guest did.
  private static func isExhaustion(_ text: String) -> Bool {
    text.contains("maximum concurrent") || text.contains("(os error 12)")
  }

  /// Frames of hostile recursion could be many: the innermost ones tell the story.
  private static let maximumFrames = 32

  private static func guestFrames(consuming frames: inout wasm_frame_vec_t) -> [GuestFrame] {
    defer { wasm_frame_vec_delete(&frames) }
    guard let data = frames.data else { return [] }
    return UnsafeBufferPointer(start: data, count: frames.size).prefix(maximumFrames).compactMap {
      frame in
      guard let frame else { return nil }
      return GuestFrame(
        function: wasmtime_frame_func_name(frame).map { String(string($0.pointee).prefix(256)) },
        functionIndex: wasm_frame_func_index(frame),
        moduleOffset: wasm_frame_module_offset(frame))
    }
  }

  /// The library's messages go on with a backtrace, which the frames carry: the line that says what
  /// happened.
  private static func firstLine(_ text: String) -> String {
    let mark = "wasm trap: "
    let lines = text.split(separator: "\n")
    // It may be one of several causes, each with its number before it.
    let trap = lines.lazy.compactMap { line in
      line.firstRange(of: mark).map { line[$0.upperBound...] }
    }
    let cause = trap.first ?? lines.first { $0.contains { $0 != " " } }
    return String((cause ?? "no message").prefix(500))
  }

  private static func trapName(_ code: UInt8) -> String {
    let names = [
      "stack_overflow", "memory_out_of_bounds", "heap_misaligned", "table_out_of_bounds",
      "indirect_call_to_null", "bad_signature", "integer_overflow", "integer_division_by_zero",
      "bad_conversion_to_integer", "unreachable", "interrupt", "out_of_fuel",
      "atomic_wait_non_shared_memory", "null_reference", "array_out_of_bounds",
      "allocation_too_large", "cast_failure",
    ]
    return Int(code) < names.count ? names[Int(code)] : "trap_\(code)"
  }
}
