import CKernels
import CSandbox
import HostPorts
import Measuring

/// Programs that compute and nothing else: native, in the C program's sandbox, in ours.
struct Kernels: Encodable {
  let kernels: [Rows]

  /// With the rounds of scripts/build-bench-guests.
  private static let all: [(name: String, rounds: UInt32, native: @Sendable (UInt32) -> UInt64)] = [
    ("sha256", 40000, { kernel_sha256($0) }), ("nbody", 100_000, { kernel_nbody($0) }),
    ("matmul", 20, { kernel_matmul($0) }), ("matmul-vectors", 80, { kernel_matmul_vectors($0) }),
    ("fib", 30, { kernel_fib($0) }),
  ]

  init(folder: String, rounds: Int) async throws {
    let swift = try SwiftSandbox(workers: 1, slots: 64)
    defer { swift.engine.stop() }
    let (plain, epochs) = (CEngine(like: swift, epochs: false), CEngine(like: swift))
    var kernels: [Rows] = []
    for (name, amount, native) in Self.all {
      let bytes = try Guest.file("\(folder)/\(name).wasm")
      let optimised = try swift.module(bytes)
      let quick = try swift.module(bytes, only: .quick)
      let (without, with) = (plain.module(bytes, cs_way_plain), epochs.module(bytes, cs_way_fiber))
      let wanted = withUnsafeBytes(of: native(amount)) { Array($0) }
      let outputs = try [
        await optimised.run(SwiftSandbox.activation()).result.get(),
        await quick.run(SwiftSandbox.activation()).result.get(), without.run([], 1).output,
        with.run([], 1).output,
      ]
      guard outputs.allSatisfy({ $0 == wanted }) else {
        throw MeasuringFailed("\(name) computes something else as a guest")
      }
      kernels.append(
        try await Rows(
          name,
          [
            Rows.Way("native") { _ in
              let start = Measuring.clock()
              precondition(native(amount) != 0, "it is used")
              return [Measuring.clock() - start]
            },
            Rows.Way("C, without epochs") { try without.run([], $0).times },
            Rows.Way("C, with epochs") { try with.run([], $0).times },
            Rows.Way("Swift, optimised") {
              try await swift.runAwaited(optimised, SwiftSandbox.activation(), $0)
            },
            Rows.Way("Swift, quick") {
              try await swift.runAwaited(quick, SwiftSandbox.activation(), $0)
            },
          ], count: rounds, rounds: rounds))
    }
    self.kernels = kernels
  }

  var text: String {
    var text = """
      Programs that only compute, p50, and ratios to native code of the same lines (clang -O2): the median \
      of \(kernels.first?.rows.first?.times.count ?? 0) rounds (the least to the most).

      | | native, microseconds | C, without epochs | C, with epochs | Swift, optimised | Swift, quick |
      |---|---|---|---|---|---|

      """
    for kernel in kernels {
      text += "| \(kernel.title) | \(Times.text(kernel.rows[0].times.p50)) | "
      text += kernel.rows.dropFirst().map(\.p50.text).joined(separator: " | ") + " |\n"
    }
    return text
  }

  /// What the two modes take to compile.
  static func compiling(_ guest: String, count: Int) async throws -> Rows {
    let bytes = try Guest.file(guest)
    let swift = try SwiftSandbox(workers: 1, slots: 64)
    defer { swift.engine.stop() }
    let c = CEngine(like: swift)
    func compiled(_ mode: CodeMode, _ count: Int) throws -> [Int64] {
      try (0..<count).map { _ in
        let start = Measuring.clock()
        _ = try swift.module(bytes, only: mode)
        return Measuring.clock() - start
      }
    }
    return try await Rows(
      "Compiling \(guest.split(separator: "/").last ?? "") (\(bytes.count >> 10) KiB), linking included in Swift",
      [
        Rows.Way("Swift, optimised") { try compiled(.optimised, $0) },
        Rows.Way("Swift, quick") { try compiled(.quick, $0) },
        Rows.Way("C, optimised") { count in (0..<count).map { _ in c.compile(bytes) } },
      ], count: count, rounds: count)
  }
}
