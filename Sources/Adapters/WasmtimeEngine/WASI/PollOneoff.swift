import CWasmtime

/// A `poll_oneoff` that waits: nothing but clocks, for the standard streams never block.
struct PollRequest {
  struct Timer {
    var userData: UInt64
    /// Monotonic nanoseconds.
    var due: Int64
  }

  var timers: [Timer]
  var eventsAddress: UInt32
  var countAddress: UInt32
  /// Where the error number goes; lives until the continuation says that it is done.
  var results: UnsafeMutablePointer<wasmtime_val_t>

  /// When the first timer is due.
  var due: Int64 { timers.map(\.due).min() ?? 0 }
}

/// `poll_oneoff` as an asynchronous host function: a guest that waits gives its worker back.
enum PollOneoff {
  /// More would only serve to keep us busy.
  private static let maximumSubscriptions: UInt32 = 4096
  private static let subscriptionSize = 48
  private static let eventSize = 32

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
    do throws(WASIError) {
      let memory = instance.memory(caller, context)
      let waiting = try begin(instance, memory, arguments, results)
      results.pointee.of.i32 = Errno.success.rawValue
      guard let waiting else { return }
      instance.wasi.poll = waiting
      continuation.pointee.env = data
      continuation.pointee.callback = { finish($0) }
    } catch {
      results.pointee.of.i32 = error.number.rawValue
    }
  }

  /// Answers at once when something is ready, else says what to wait for.
  private static func begin(
    _ instance: CommandInstance, _ memory: GuestMemory,
    _ arguments: UnsafePointer<wasmtime_val_t>, _ results: UnsafeMutablePointer<wasmtime_val_t>
  ) throws(WASIError) -> PollRequest? {
    let (input, events, count, countAddress) = (
      UInt32(bitPattern: arguments[0].of.i32), UInt32(bitPattern: arguments[1].of.i32),
      UInt32(bitPattern: arguments[2].of.i32), UInt32(bitPattern: arguments[3].of.i32)
    )
    guard (1...maximumSubscriptions).contains(count) else { throw WASIError(.invalid) }
    guard let list = memory.bytes(at: input, count: Int(count) * subscriptionSize),
      memory.bytes(at: events, count: Int(count) * eventSize) != nil,
      memory.bytes(at: countAddress, count: 4) != nil
    else { throw WASIError(.fault) }
    var timers: [PollRequest.Timer] = []
    var ready: [PolledEvent] = []
    for index in 0..<Int(count) {
      let at = index * subscriptionSize
      let userData = list.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      switch list.loadUnaligned(fromByteOffset: at + 8, as: UInt8.self) {
      case 0:
        do throws(WASIError) {
          timers.append(
            PollRequest.Timer(userData: userData, due: try due(instance, list, at)))
        } catch {
          ready.append(PolledEvent(userData: userData, number: error.number, type: 0))
        }
      case let type where type == 1 || type == 2:
        let descriptor = list.loadUnaligned(fromByteOffset: at + 16, as: UInt32.self)
        ready.append(streamEvent(instance, userData, type, descriptor))
      case _:
        throw WASIError(.invalid)
      }
    }
    let now = Clocks.monotonic()
    if ready.isEmpty && !timers.contains(where: { $0.due <= now }) {
      return PollRequest(
        timers: timers, eventsAddress: events, countAddress: countAddress, results: results)
    }
    ready += timers.filter { $0.due <= now }
      .map { PolledEvent(userData: $0.userData, number: .success, type: 0) }
    try store(ready, memory, events, countAddress)
    return nil
  }

  private static func streamEvent(
    _ instance: CommandInstance, _ userData: UInt64, _ type: UInt8, _ descriptor: UInt32
  ) -> PolledEvent {
    do throws(WASIError) {
      let stream = try instance.wasi.stream(descriptor)
      var event = PolledEvent(userData: userData, number: .success, type: type)
      // Reading an answer may wait, but never for long: nothing waits here for it.
      if stream == .host {
        event.bytes = type == 1 ? UInt64(instance.pending.channel?.readable ?? 0) : 65_536
        return event
      }
      guard (type == 1) == (stream == .input) else { throw WASIError(.badDescriptor) }
      let rest = type == 1 ? instance.wasi.input.count - instance.wasi.inputOffset : 65_536
      event.bytes = UInt64(rest)
      event.hangUp = type == 1 && rest == 0
      return event
    } catch {
      return PolledEvent(userData: userData, number: error.number, type: type)
    }
  }

  /// When the clock subscription at byte `at` of the list is due, in monotonic nanoseconds.
  private static func due(
    _ instance: CommandInstance, _ list: UnsafeMutableRawBufferPointer, _ at: Int
  ) throws(WASIError) -> Int64 {
    let clock = try GuestClock(list.loadUnaligned(fromByteOffset: at + 16, as: UInt32.self))
    let timeout = list.loadUnaligned(fromByteOffset: at + 24, as: UInt64.self)
    let absolute = list.loadUnaligned(fromByteOffset: at + 40, as: UInt16.self) & 1 == 1
    guard clock == .realtime || clock == .monotonic else { throw WASIError(.invalid) }
    let clockNow = clock.now(instance)
    let wait = absolute ? (timeout > clockNow ? timeout - clockNow : 0) : timeout
    let (sum, overflow) = Clocks.monotonic()
      .addingReportingOverflow(Int64(min(wait, UInt64(Int64.max))))
    return overflow ? .max : sum
  }

  /// The continuation: true when a timer was due and its event is in the guest's memory.
  private static func finish(_ environment: UnsafeMutableRawPointer?) -> Bool {
    guard let environment else { return true }
    let instance = Unmanaged<CommandInstance>.fromOpaque(environment).takeUnretainedValue()
    guard let request = instance.wasi.poll else { return true }
    let now = Clocks.monotonic()
    guard request.due <= now else { return false }
    instance.wasi.poll = nil
    let ready = request.timers.filter { $0.due <= now }
      .map { PolledEvent(userData: $0.userData, number: .success, type: 0) }
    do throws(WASIError) {
      try store(ready, instance.currentMemory, request.eventsAddress, request.countAddress)
    } catch {
      request.results.pointee.of.i32 = error.number.rawValue
    }
    return true
  }

  private struct PolledEvent {
    var userData: UInt64
    var number: Errno
    var type: UInt8
    var bytes: UInt64 = 0
    var hangUp = false
  }

  private static func store(
    _ ready: [PolledEvent], _ memory: GuestMemory, _ events: UInt32, _ countAddress: UInt32
  ) throws(WASIError) {
    guard let place = memory.bytes(at: events, count: ready.count * eventSize),
      memory.store(UInt32(ready.count), at: countAddress)
    else { throw WASIError(.fault) }
    place.initializeMemory(as: UInt8.self, repeating: 0)
    for (index, event) in ready.enumerated() {
      let at = index * eventSize
      place.storeBytes(of: event.userData, toByteOffset: at, as: UInt64.self)
      place.storeBytes(of: UInt16(event.number.rawValue), toByteOffset: at + 8, as: UInt16.self)
      place.storeBytes(of: event.type, toByteOffset: at + 10, as: UInt8.self)
      place.storeBytes(of: event.bytes, toByteOffset: at + 16, as: UInt64.self)
      place.storeBytes(of: event.hangUp ? 1 : 0, toByteOffset: at + 24, as: UInt16.self)
    }
  }
}
