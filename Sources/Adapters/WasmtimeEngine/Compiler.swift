import CWasmtime
import ClusterModel
import DedicatedThreads
import DequeModule
import HostPorts
import Synchronization

/// A compiled module on its way to its owner.
///
/// `@unchecked Sendable`: handed over exactly once, and the library lets modules change threads.
struct CompiledModule: @unchecked Sendable {
  let pointer: OpaquePointer
  let mode: CodeMode
}

/// Compiles modules on a thread of its own, one at a time: compiling takes seconds of CPU and a deep
/// stack.
final class Compiler: Sendable {
  private let engines: CodeEngines
  private let cache: CompileCache?
  private let parker = Parker()
  private let state = Mutex(State())

  private struct Job {
    var bytes: [UInt8]
    var digest: ModuleDigest
    var mode: CodeMode
    var isWanted: @Sendable () -> Bool
    var continuation: CheckedContinuation<Result<CompiledModule, Problem>, Never>
  }

  private struct State: ~Copyable {
    var jobs: Deque<Job> = []
    var stopping = false
  }

  /// What waits in front of the compiler at most; whoever deploys more at a time hears so.
  private static let queueLength = 256
  /// The compiler recurses through what a module nests.
  static let stackSize = 64 << 20

  init(engines: CodeEngines, cache: CompileCache?) {
    self.engines = engines
    self.cache = cache
  }

  /// Compiles, or takes from the cache. What is wanted quickly is optimised code if the cache has it.
  ///
  /// - Parameter isWanted: asked when its turn has come.
  /// - Throws: ``Problem`` `module_invalid`, `compiler_busy`, `stopping`, `not_wanted`.
  func compile(
    _ bytes: [UInt8], digest: ModuleDigest, _ mode: CodeMode,
    isWanted: @escaping @Sendable () -> Bool = { true }
  ) async throws(Problem) -> CompiledModule {
    let result: Result<CompiledModule, Problem> = await withCheckedContinuation { continuation in
      let refusal: Problem? = state.withLock { state in
        guard !state.stopping else { return Self.stopping }
        guard state.jobs.count < Self.queueLength else {
          return Problem(
            .overloaded, code: "compiler_busy", "too many modules wait to be compiled",
            next: "Try again in a few seconds.")
        }
        state.jobs.append(
          Job(
            bytes: bytes, digest: digest, mode: mode, isWanted: isWanted,
            continuation: continuation))
        return nil
      }
      if let refusal { continuation.resume(returning: .failure(refusal)) } else { parker.wake() }
    }
    return try result.get()
  }

  private static let stopping = Problem(.unavailable, code: "stopping", "the node is stopping")

  func stop() {
    let jobs = state.withLock { state -> Deque<Job> in
      state.stopping = true
      let jobs = state.jobs
      state.jobs = []
      return jobs
    }
    for job in jobs { job.continuation.resume(returning: .failure(Self.stopping)) }
    parker.wake()
  }

  /// The body of the compiler's thread.
  func run() {
    while true {
      let (job, stopping) = state.withLock { ($0.jobs.popFirst(), $0.stopping) }
      if let job {
        job.continuation.resume(returning: Result { () throws(Problem) in try module(for: job) })
      } else if stopping {
        return
      } else {
        parker.park(until: nil)
      }
    }
  }

  private func module(for job: Job) throws(Problem) -> CompiledModule {
    guard job.isWanted() else {
      throw Problem(.unavailable, code: "not_wanted", "nobody wants the module any more")
    }
    if let cached = cached(job.digest) { return cached }
    let compiled = try compileHere(job.bytes, job.mode)
    if compiled.mode == .optimised { cache?.keep(compiled.pointer, job.digest, .optimised) }
    return compiled
  }

  /// Optimised code that the cache has.
  func cached(_ digest: ModuleDigest) -> CompiledModule? {
    cache?.load(digest, .optimised, engine: engines.running).map {
      CompiledModule(pointer: $0, mode: .optimised)
    }
  }

  /// Compiles on the calling thread, whatever the cache has.
  func compileHere(
    _ bytes: [UInt8], _ mode: CodeMode
  ) throws(Problem) -> CompiledModule {
    switch mode {
    case .optimised:
      CompiledModule(pointer: try Self.compile(bytes, with: engines.running), mode: .optimised)
    case .quick: CompiledModule(pointer: try quickly(bytes), mode: .quick)
    }
  }

  /// Compiled by the one engine and loaded by the other. It is soon replaced, and not worth keeping.
  private func quickly(_ bytes: [UInt8]) throws(Problem) -> OpaquePointer {
    let compiled = try Self.compile(bytes, with: engines.quick)
    defer { wasmtime_module_delete(compiled) }
    var code = wasm_byte_vec_t()
    defer { wasm_byte_vec_delete(&code) }
    var module: OpaquePointer?
    let error =
      wasmtime_module_serialize(compiled, &code)
      ?? wasmtime_module_deserialize(engines.running.pointer, code.data, code.size, &module)
    guard error == nil, let module else {
      throw Problem(
        .internalFault, code: "compiler_failed", "the quick code of the module cannot be loaded",
        cause: error.map { LibraryFailure.message(consuming: $0) })
    }
    return module
  }

  private static func compile(
    _ bytes: [UInt8], with engine: EngineHandle
  ) throws(Problem) -> OpaquePointer {
    var module: OpaquePointer?
    if let error = wasmtime_module_new(engine.pointer, bytes, bytes.count, &module) {
      throw Problem(
        .invalidInput, code: "module_invalid", "the module is not valid WebAssembly",
        cause: String(LibraryFailure.message(consuming: error).prefix(500)),
        next: "Check it with `wasm-tools validate` or rebuild it.")
    }
    guard let module else {
      throw Problem(.internalFault, code: "compiler_failed", "the compiler gave no module")
    }
    return module
  }
}
