import CSandbox
@_spi(Measuring) import WasmtimeEngine

/// A WASI command from standard input to standard output.
enum Streams {
  static func rows(guest: String, count: Int) async throws -> Rows {
    let bytes = try Guest.file(guest)
    let swift = try SwiftSandbox(workers: 1)
    defer { swift.engine.stop() }
    let module = try swift.module(bytes)
    let starter = swift.engine.starter(of: module)
    let c = CEngine(like: swift)
    let shim = c.module(bytes, cs_way_fiber)
    let plain = c.module(bytes, cs_way_plain)
    let builtin = c.module(bytes, cs_way_builtin)
    let activation = SwiftSandbox.activation(Guest.input)
    // All of them do the work.
    let wanted = Array(String(decoding: Guest.input, as: UTF8.self).uppercased().utf8)
    let outputs = try [
      await module.run(activation).result.get(), shim.run(Guest.input, 1).output,
      plain.run(Guest.input, 1).output, builtin.run(Guest.input, 1).output,
    ]
    guard outputs.allSatisfy({ $0 == wanted }) else { throw MeasuringFailed("an output is wrong") }
    return try await Rows(
      "71 bytes from standard input to standard output, in upper case, by a fresh instance",
      [
        Rows.Way("C, four functions of WASI of its own") { try shim.run(Guest.input, $0).times },
        Rows.Way("C, the same with plain calls") { try plain.run(Guest.input, $0).times },
        Rows.Way("Swift, on the worker's thread") {
          try await swift.runOnWorker(activation, $0) { starter }
        },
        // Its threads hand over to each other.
        Rows.Way("C, the library's own WASI") {
          try builtin.run(Guest.input, $0, isPinned: false).times
        },
      ], count: count)
  }
}
