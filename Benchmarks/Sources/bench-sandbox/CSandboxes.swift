import CSandbox

/// The C program's engine with the settings of ours.
final class CEngine {
  let pointer: OpaquePointer

  init(
    like sandbox: SwiftSandbox? = nil, slots: Int? = nil, epochs: Bool = true, quick: Bool = false
  ) {
    let configuration = sandbox?.configuration
    pointer = cs_engine_new(
      cs_settings(
        slots: UInt32(slots ?? configuration?.instanceSlots ?? 64),
        resident: configuration?.residentMemory.bytes ?? 256 << 10,
        guest_stack: configuration?.guestStack.bytes ?? 512 << 10,
        fiber_stack: configuration?.fiberStack.bytes ?? 1 << 20, has_epochs: epochs,
        is_quick: quick))
  }

  deinit { cs_engine_delete(pointer) }

  func module(_ bytes: [UInt8], _ way: cs_way) -> CModule { CModule(self, bytes, way) }

  func compile(_ bytes: [UInt8]) -> Int64 { cs_compile(pointer, bytes, bytes.count) }
}

/// A module of the C program.
final class CModule {
  let pointer: OpaquePointer
  private let engine: CEngine

  fileprivate init(_ engine: CEngine, _ bytes: [UInt8], _ way: cs_way) {
    self.engine = engine
    pointer = cs_module_new(engine.pointer, bytes, bytes.count, way)
  }

  deinit { cs_module_delete(pointer) }

  /// The times of so many runs, and what the last one wrote.
  ///
  /// - Parameter isPinned: keeps the thread on the ``Processor`` of the round meanwhile.
  func run(
    _ input: [UInt8], _ count: Int, isPinned: Bool = true
  ) throws -> (times: [Int64], output: [UInt8]) {
    var output = [UInt8](repeating: 0, count: 4096)
    var length = 0
    var times = [Int64](repeating: 0, count: count)
    if isPinned { Processor.pin() }
    defer { if isPinned { Processor.unpin() } }
    let failed = cs_run(
      pointer, input, input.count, count, &times, &output, output.count, &length)
    guard failed == 0 else { throw MeasuringFailed("\(failed) runs of the C program failed") }
    return (times, Array(output.prefix(length)))
  }

  /// Runs a second on so many threads.
  func throughput(_ input: [UInt8], threads: Int, count: Int) -> Double {
    cs_throughput(pointer, input, input.count, threads, count)
  }

  func handOver(_ input: [UInt8], _ count: Int) -> [Int64] {
    var times = [Int64](repeating: 0, count: count)
    cs_hand_over(pointer, input, input.count, count, &times)
    return times
  }

  static func handNothingOver(_ count: Int) -> [Int64] {
    var times = [Int64](repeating: 0, count: count)
    cs_hand_over(nil, nil, 0, count, &times)
    return times
  }
}
