import CWasmtime

/// What asynchronous host functions have in common: they answer at once, or say what the guest waits
/// for and try again whenever its worker looks at it.
enum AsyncCall {
  /// - Parameter body: answers `nil` when it is done, else what the guest waits for.
  static func start(
    _ caller: OpaquePointer?, _ results: UnsafeMutablePointer<wasmtime_val_t>?,
    _ trap: UnsafeMutablePointer<OpaquePointer?>?,
    _ continuation: UnsafeMutablePointer<wasmtime_async_continuation_t>?,
    _ body: (CommandInstance, GuestMemory) throws(WASIError) -> WASIState.Waiting?
  ) {
    guard let continuation else { return }
    continuation.pointee.callback = { _ in true }
    guard let caller, let results, let context = wasmtime_caller_context(caller),
      let data = wasmtime_context_get_data(context)
    else { return }
    let instance = Unmanaged<CommandInstance>.fromOpaque(data).takeUnretainedValue()
    results.pointee.kind = 0
    results.pointee.of.i32 = Errno.success.rawValue
    do throws(WASIError) {
      let waiting = try body(instance, instance.memory(caller, context))
      if let waiting {
        instance.wasi.waiting = waiting
        continuation.pointee.env = data
        continuation.pointee.callback = { AsyncCall.resume($0) }
      }
    } catch {
      results.pointee.of.i32 = error.number.rawValue
    }
    if instance.wasi.isEnding { trap?.pointee = HostCall.endingTrap() }
  }

  /// The continuation: true when the guest waits no more.
  private static func resume(_ environment: UnsafeMutableRawPointer?) -> Bool {
    guard let environment else { return true }
    let instance = Unmanaged<CommandInstance>.fromOpaque(environment).takeUnretainedValue()
    guard let waiting = instance.wasi.waiting else { return true }
    let memory = instance.currentMemory
    do throws(WASIError) {
      switch waiting {
      case .read(let request):
        guard try ReadFunction.read(request, instance, memory) else { return false }
      case .write(let request):
        guard try WriteFunction.write(request, instance, memory) else { return false }
      case .poll(let request):
        guard try PollOneoff.finish(request, instance, memory) else { return false }
      }
    } catch {
      waiting.results?.pointee.of.i32 = error.number.rawValue
    }
    instance.wasi.waiting = nil
    return true
  }
}

extension WASIState.Waiting {
  fileprivate var results: UnsafeMutablePointer<wasmtime_val_t>? {
    switch self {
    case .read(let request): request.results
    case .write(let request): request.results
    case .poll(let request): request.results
    }
  }
}
