import CWasmtime

/// One call of a guest to a host function: its arguments, the instance, its memory.
struct HostCall {
  /// It lives at least as long as its store, in which the call is made.
  unowned(unsafe) let instance: CommandInstance
  let memory: GuestMemory
  private let values: UnsafeMutablePointer<wasmtime_val_raw_t>

  @inline(__always)
  func u32(_ index: Int) -> UInt32 { UInt32(bitPattern: values[index].i32) }
  @inline(__always)
  func u64(_ index: Int) -> UInt64 { UInt64(bitPattern: values[index].i64) }

  /// Stores a value, or fails with `fault`.
  @inline(__always)
  func store<Value: BitwiseCopyable>(_ value: Value, at address: UInt32) throws(WASIError) {
    guard memory.store(value, at: address) else { throw WASIError(.fault) }
  }

  /// Runs the body of a host function and answers with its error number.
  ///
  /// - Returns: a trap when the instance must end, else `nil`.
  @inline(__always)
  static func answer(
    _ caller: OpaquePointer?, _ values: UnsafeMutablePointer<wasmtime_val_raw_t>?,
    _ body: (HostCall) throws(WASIError) -> Void
  ) -> OpaquePointer? {
    answer(caller, values) { (call, _) throws(WASIError) in try body(call) }
  }

  /// The same for calls that are made often.
  ///
  /// - Parameter body: is given the instance, too, so that its references need not be counted.
  @inline(__always)
  static func answer(
    _ caller: OpaquePointer?, _ values: UnsafeMutablePointer<wasmtime_val_raw_t>?,
    _ body: (HostCall, CommandInstance) throws(WASIError) -> Void
  ) -> OpaquePointer? {
    guard let caller, let values, let context = wasmtime_caller_context(caller),
      let data = wasmtime_context_get_data(context)
    else { return nil }
    return Unmanaged<CommandInstance>.fromOpaque(data)._withUnsafeGuaranteedRef { instance in
      let memory = instance.memory(caller, context)
      var number = Errno.success
      do throws(WASIError) {
        try body(HostCall(instance: instance, memory: memory, values: values), instance)
      } catch {
        number = error.number
      }
      if instance.wasi.isEnding { return endingTrap() }
      values[0].i32 = number.rawValue
      return nil
    }
  }

  /// Ends the guest; why is in ``WASIState/ending``.
  static func endingTrap() -> OpaquePointer? {
    let message: StaticString = "ended by the host"
    return message.withUTF8Buffer { text in
      text.withMemoryRebound(to: CChar.self) { wasmtime_trap_new($0.baseAddress, $0.count) }
    }
  }
}
