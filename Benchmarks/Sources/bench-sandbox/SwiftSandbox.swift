import CWasmtime
import ClusterModel
import Foundation
import HostPorts
import Measuring
import Synchronization
@_spi(Measuring) import WasmtimeEngine

/// The engine as it ships, and what is run in it.
final class SwiftSandbox: Sendable {
  let engine: WasmtimeEngine
  let configuration: EngineConfiguration

  init(workers: Int, slots: Int? = nil, cacheFolder: String? = nil) throws {
    var configuration = EngineConfiguration(machine: MachineFacts.read())
    configuration.workers = workers
    if let slots { configuration.instanceSlots = slots }
    self.configuration = configuration
    engine = try WasmtimeEngine(configuration: configuration, cacheFolder: cacheFolder)
  }

  func module(
    _ bytes: [UInt8], only mode: CodeMode = .optimised
  ) throws -> any PreparedModule {
    try engine.prepareHere(bytes, digest: digest(of: bytes), only: mode)
  }

  static func activation(_ input: [UInt8] = [], wall: Duration = .seconds(3600)) -> Activation {
    Activation(
      arguments: ["guest"], environment: [], input: input,
      limits: ActivationLimits(cpuTime: .seconds(600), wallTime: wall))
  }

  /// Runs one after the other, each begun on the thread of a worker by the end of the one before; the nanoseconds
  /// from the end of one to the end of the next, all that the worker does in between included.
  ///
  /// - Parameters:
  ///   - isPinned: keeps that thread on the ``Processor`` of the round meanwhile.
  ///   - module: made on that thread each time.
  func runOnWorker(
    _ activation: Activation, _ count: Int, isPinned: Bool = true,
    _ module: @escaping @Sendable () throws -> Starter
  ) async throws -> [Int64] {
    let chain = Chain(self, activation, count, isPinned: isPinned, module)
    return try await withCheckedThrowingContinuation { chain.begin($0) }
  }

  /// Handed over from this task and awaited, one after the other.
  func runAwaited(
    _ module: any PreparedModule, _ activation: Activation, _ count: Int
  ) async throws -> [Int64] {
    var times: [Int64] = []
    times.reserveCapacity(count)
    for _ in 0..<count {
      let start = Measuring.clock()
      let report = await module.run(activation)
      times.append(Measuring.clock() - start)
      _ = try report.result.get()
    }
    return times
  }
}

/// Any 32 bytes name a module as far as the engine goes.
func digest(of bytes: [UInt8]) -> ModuleDigest {
  var sum = [UInt8](repeating: 7, count: 32)
  for (index, byte) in bytes.enumerated() { sum[index % 32] = (sum[index % 32] &* 31) ^ byte }
  return ModuleDigest(sha256: sum)
}

/// Activations of which each is begun by the end of the one before.
///
/// `@unchecked Sendable`: after it has begun only the thread touches it on which one has ended and the next is handed
/// over.
private final class Chain: @unchecked Sendable {
  private let sandbox: SwiftSandbox
  private let module: @Sendable () throws -> Starter
  private let activation: Activation
  private let count: Int
  private let isPinned: Bool
  private var times: [Int64] = []
  private var last: Int64 = 0
  private var continuation: CheckedContinuation<[Int64], any Error>?
  private var ended: (@Sendable (ActivationReport) -> Void)?

  init(
    _ sandbox: SwiftSandbox, _ activation: Activation, _ count: Int, isPinned: Bool,
    _ module: @escaping @Sendable () throws -> Starter
  ) {
    self.isPinned = isPinned
    self.sandbox = sandbox
    self.module = module
    self.activation = activation
    self.count = count
    times.reserveCapacity(count)
  }

  func begin(_ continuation: CheckedContinuation<[Int64], any Error>) {
    self.continuation = continuation
    ended = { self.end($0) }
    next()
  }

  private func next() {
    guard let ended else { return }
    do {
      try module().start(activation, then: ended)
    } catch {
      finish(.failure(error))
    }
  }

  private func end(_ report: ActivationReport) {
    let now = Measuring.clock()
    // The first one was handed over.
    if last > 0 { times.append(now - last) } else if isPinned { Processor.pin() }
    last = now
    if case .failure(let failure) = report.result {
      finish(.failure(failure))
    } else if times.count == count {
      finish(.success(times))
    } else {
      next()
    }
  }

  private func finish(_ result: Result<[Int64], any Error>) {
    ended = nil
    if isPinned { Processor.unpin() }
    continuation?.resume(with: result)
  }
}

/// What guests are made of.
enum Guest {
  static func file(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path)))
  }

  static func text(_ text: String) throws -> [UInt8] {
    var binary = wasm_byte_vec_t()
    if let error = wasmtime_wat2wasm(text, text.utf8.count, &binary) {
      wasmtime_error_delete(error)
      throw MeasuringFailed("the text of a module is wrong")
    }
    defer { wasm_byte_vec_delete(&binary) }
    return Array(UnsafeBufferPointer(start: binary.data, count: binary.size))
  }

  /// Two pages of memory, a table, data; reads, calls through the table and writes. No imports.
  static let small = """
    (module
      (memory (export "memory") 2)
      (table 4 funcref)
      (elem (i32.const 0) $add)
      (data (i32.const 1024) "what it begins with, in the first page")
      (data (i32.const 70000) "and in the second one")
      (type $two (func (param i32 i32) (result i32)))
      (func $add (type $two) local.get 0 local.get 1 i32.add)
      (func (export "_start")
        (i32.store (i32.const 2048)
          (call_indirect (type $two)
            (i32.load8_u (i32.const 1024)) (i32.load8_u (i32.const 70000)) (i32.const 0)))))
    """

  /// 71 bytes, as many events have.
  static let input = Array(
    #"{"sensor":"press-17","temperature":71.25,"state":"running","unit":"C"}"#.utf8)
}
