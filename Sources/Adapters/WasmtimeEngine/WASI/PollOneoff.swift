import CWasmtime
import Glibc

/// A `poll_oneoff` that waits: for clocks, and for pipes and terminals. Streams in memory and regular
/// files are always ready.
struct PollRequest {
  struct Timer {
    var userData: UInt64
    /// Monotonic nanoseconds.
    var due: Int64
  }

  /// A descriptor that is not ready yet.
  struct Watched {
    var userData: UInt64
    var direction: PollOneoff.Direction
    var file: OpenFile
  }

  var timers: [Timer]
  var watched: [Watched]
  /// Who waits for the end of an input in memory.
  var inputs: [UInt64] = []
  var eventsAddress: UInt32
  var countAddress: UInt32
  /// Where the error number goes; lives until the continuation says that it is done.
  var results: UnsafeMutablePointer<wasmtime_val_t>

  /// When the first timer is due; never, when there is none.
  var due: Int64 { timers.map(\.due).min() ?? .max }
}

/// `poll_oneoff` as an asynchronous host function: a guest that waits gives its worker back.
enum PollOneoff {
  enum Direction: UInt8 {
    case read = 1
    case write = 2

    /// As poll(2) has it.
    var event: Int32 { self == .read ? POLLIN : POLLOUT }
  }

  /// More would only serve to keep us busy.
  private static let maximumSubscriptions: UInt32 = 4096
  private static let subscriptionSize = 48
  private static let eventSize = 32
  /// What we say can be written at once.
  private static let writableBytes: UInt64 = 65_536

  static let start: wasmtime_func_async_callback_t = {
    _, caller, arguments, _, results, _, trap, continuation in
    AsyncCall.start(caller, results, trap, continuation) { instance, memory throws(WASIError) in
      guard let arguments, let results else { return nil }
      return try begin(instance, memory, arguments, results).map { .poll($0) }
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
    var request = PollRequest(
      timers: [], watched: [], eventsAddress: events, countAddress: countAddress,
      results: results)
    var ready: [PolledEvent] = []
    for index in 0..<Int(count) {
      let at = index * subscriptionSize
      let userData = list.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let type = list.loadUnaligned(fromByteOffset: at + 8, as: UInt8.self)
      do throws(WASIError) {
        if type == 0 {
          request.timers.append(
            PollRequest.Timer(userData: userData, due: try due(instance, list, at)))
        } else if let direction = Direction(rawValue: type) {
          let descriptor = list.loadUnaligned(fromByteOffset: at + 16, as: UInt32.self)
          let file = try file(instance, descriptor, direction)
          if let file, !file.isReady(direction.event) {
            request.watched.append(
              PollRequest.Watched(userData: userData, direction: direction, file: file))
          } else if let file {
            ready.append(event(of: file, userData, direction))
          } else if try waitsForInput(instance, descriptor, direction) {
            request.inputs.append(userData)
          } else {
            ready.append(try streamEvent(instance, userData, direction, descriptor))
          }
        }
      } catch {
        ready.append(PolledEvent(userData: userData, number: error.number, type: type))
      }
      guard type <= 2 else { throw WASIError(.invalid) }
    }
    let now = Clocks.monotonic()
    if ready.isEmpty, request.due > now { return request }
    ready += dueEvents(request, now)
    try store(ready, memory, events, countAddress)
    return nil
  }

  private static func waitsForInput(
    _ instance: CommandInstance, _ number: UInt32, _ direction: Direction
  ) throws(WASIError) -> Bool {
    let (kind, _) = try instance.wasi.descriptors.kind(number)
    return kind == .input && direction == .read && instance.inputIsOpen
  }

  /// The file of this machine that a descriptor stands for; `nil` for streams in memory.
  private static func file(
    _ instance: CommandInstance, _ number: UInt32, _ direction: Direction
  ) throws(WASIError) -> OpenFile? {
    let descriptor = try instance.wasi.descriptors[number]
    guard descriptor.rights.contains(.poll) else { throw WASIError(.notCapable) }
    return descriptor.file
  }

  private static func streamEvent(
    _ instance: CommandInstance, _ userData: UInt64, _ direction: Direction, _ descriptor: UInt32
  ) throws(WASIError) -> PolledEvent {
    let (kind, _) = try instance.wasi.descriptors.kind(descriptor)
    var event = PolledEvent(userData: userData, number: .success, type: direction.rawValue)
    // Reading an answer may wait, but never for long: nothing waits here for it.
    if kind == .host {
      let readable = instance.pending.channel?.readable ?? 0
      event.bytes = direction == .read ? UInt64(readable) : writableBytes
      return event
    }
    guard (direction == .read) == (kind == .input) else { throw WASIError(.badDescriptor) }
    let rest = instance.wasi.input.count - instance.wasi.inputOffset
    event.bytes = direction == .read ? UInt64(rest) : writableBytes
    event.hangUp = direction == .read && rest == 0
    return event
  }

  private static func endOfInput(_ userData: UInt64) -> PolledEvent {
    var event = PolledEvent(userData: userData, number: .success, type: Direction.read.rawValue)
    event.hangUp = true
    return event
  }

  private static func event(
    of file: OpenFile, _ userData: UInt64, _ direction: Direction
  ) -> PolledEvent {
    var event = PolledEvent(userData: userData, number: .success, type: direction.rawValue)
    event.bytes = direction == .read ? file.readableBytes : writableBytes
    event.hangUp = direction == .read && file.isHungUp
    return event
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

  private static func dueEvents(_ request: PollRequest, _ now: Int64) -> [PolledEvent] {
    request.timers.filter { $0.due <= now }
      .map { PolledEvent(userData: $0.userData, number: .success, type: 0) }
  }

  /// - Returns: true when something was ready and its event is in the guest's memory.
  static func finish(
    _ request: PollRequest, _ instance: CommandInstance, _ memory: GuestMemory
  ) throws(WASIError) -> Bool {
    let ready =
      dueEvents(request, Clocks.monotonic())
      + request.watched.filter { $0.file.isReady($0.direction.event) }
      .map { event(of: $0.file, $0.userData, $0.direction) }
      + (instance.inputIsOpen ? [] : request.inputs).map { endOfInput($0) }
    guard !ready.isEmpty else { return false }
    try store(ready, memory, request.eventsAddress, request.countAddress)
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
