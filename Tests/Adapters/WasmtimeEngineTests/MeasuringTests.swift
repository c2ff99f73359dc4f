import ClusterModel
import HostPorts
import Testing

@_spi(Measuring) @testable import WasmtimeEngine

@Suite struct MeasuringTests {
  /// Reads once and ends with a trap unless there was nothing to read.
  private static let reader = """
    (module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\20\\00\\00\\00\\08\\00\\00\\00")
      (func (export "_start")
        (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)) (then unreachable))
        (if (i32.load (i32.const 16)) (then unreachable))))
    """

  private func module(_ text: String) async throws -> PreparedCommand {
    try #require(try await SharedEngine.prepare(text) as? PreparedCommand)
  }

  @Test func `functions that never wait are for runs that find only their event`() async throws {
    let command = try await module(Self.reader)
    func differs(_ change: (inout Activation) -> Void) -> Bool {
      var activation = activation()
      change(&activation)
      let run = PendingRun(command: command, activation: activation)
      let plain = PendingRun(command: command, activation: Self.empty)
      return run.code.instancePre != plain.code.instancePre
    }
    #expect(!differs { $0.input = [1] })
    #expect(differs { $0.streams = .process })
    #expect(differs { $0.folders = [GuestFolder(path: "/a", source: .bundle)] })
  }

  private static let empty = Activation(
    arguments: [], environment: [], input: [], limits: .patient)

  @Test func `a module that does not read is linked once`() async throws {
    let command = try await module("(module (func (export \"_start\")))")
    var files = activation()
    files.streams = .process
    let runs = [files, activation()].map { PendingRun(command: command, activation: $0) }
    #expect(runs[0].code.instancePre == runs[1].code.instancePre)
  }

  @Test func `whoever begins without a task is told once, on the worker's thread`() async throws {
    let engine = try SharedEngine.engine.get()
    let starter = engine.starter(of: try await module(Self.reader))
    for input in [[], [1, 2, 3]] as [[UInt8]] {
      let report = await withCheckedContinuation { continuation in
        starter.start(activation(input: input)) { continuation.resume(returning: $0) }
      }
      #expect(failure(report)?.trap == (input.isEmpty ? nil : "unreachable"))
    }
  }

  @Test func `what is in the cache is loaded where it is asked for, or refused`() async throws {
    let engine = try SharedEngine.engine.get()
    let bytes = try wasm(Self.reader)
    #expect(throws: Problem.self) {
      try engine.loadHere(bytes, digest: ModuleDigest(sha256: [UInt8](repeating: 3, count: 32)))
    }
    let quick = try engine.prepareHere(
      bytes, digest: ModuleDigest(sha256: [UInt8](repeating: 4, count: 32)), only: .quick)
    #expect(quick.mode == .quick)
    #expect(await quick.optimised() == false)
    #expect(failure(await quick.run(activation())) == nil)
  }

  @Test func `a measured time is as many nanoseconds as were measured`() {
    for nanoseconds in [0, 1, 999, 1_000_000_007, 1 << 33, 1 << 62, Int64.max] as [Int64] {
      #expect(Duration.measured(nanoseconds) == .nanoseconds(nanoseconds))
    }
  }
}
