import CSandbox
@_spi(Measuring) import WasmtimeEngine

/// A fresh instance of a module with memory, a call, and everything gone again.
enum Fresh {
  static func rows(count: Int) async throws -> Rows {
    let bytes = try Guest.text(Guest.small)
    let swift = try SwiftSandbox(workers: 1)
    defer { swift.engine.stop() }
    let module = try swift.module(bytes)
    let starter = swift.engine.starter(of: module)
    let c = CEngine(like: swift)
    let fiber = c.module(bytes, cs_way_fiber)
    let plain = c.module(bytes, cs_way_plain)
    return try await Rows(
      "A fresh instance, a call, gone again",
      [
        Rows.Way("C") { try fiber.run([], $0).times },
        Rows.Way("C, plain calls") { try plain.run([], $0).times },
        Rows.Way("Swift, on the worker's thread") {
          try await swift.runOnWorker(SwiftSandbox.activation(), $0) { starter }
        },
        Rows.Way("Swift, handed over by a task and awaited") {
          try await swift.runAwaited(module, SwiftSandbox.activation(), $0)
        },
        Rows.Way("C, handed over to a thread and awaited") { fiber.handOver([], $0) },
        Rows.Way("C, nothing handed over and awaited") { CModule.handNothingOver($0) },
      ], count: count)
  }
}
