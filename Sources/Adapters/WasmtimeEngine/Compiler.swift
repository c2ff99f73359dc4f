import CWasmtime
import ClusterModel
import DequeModule
import Synchronization

/// Compiles modules on a thread of its own, one at a time: compiling takes seconds of CPU and a deep
/// stack.
final class Compiler: Sendable {
  private let engine: EngineHandle
  private let cache: CompileCache?
  private let parker = Parker()
  private let state = Mutex(State())

  private struct Job {
    var bytes: [UInt8]
    var digest: ModuleDigest
    var continuation: CheckedContinuation<Result<OpaqueModule, Problem>, Never>
  }

  private struct State: ~Copyable {
    var jobs: Deque<Job> = []
    var stopping = false
  }

  /// A compiled module on its way to its owner.
  ///
  /// `@unchecked Sendable`: handed over exactly once, and the library lets modules change threads.
  struct OpaqueModule: @unchecked Sendable { let pointer: OpaquePointer }

  /// What waits in front of the compiler at most; whoever deploys more at a time hears so.
  private static let queueLength = 256
  /// The compiler recurses through what a module nests.
  static let stackSize = 64 << 20

  init(engine: EngineHandle, cache: CompileCache?) {
    self.engine = engine
    self.cache = cache
  }

  func compile(_ bytes: [UInt8], digest: ModuleDigest) async throws(Problem) -> OpaquePointer {
    let result: Result<OpaqueModule, Problem> = await withCheckedContinuation { continuation in
      let refusal: Problem? = state.withLock { state in
        guard !state.stopping else {
          return Problem(.unavailable, code: "stopping", "the node is stopping")
        }
        guard state.jobs.count < Self.queueLength else {
          return Problem(
            .overloaded, code: "compiler_busy", "too many modules wait to be compiled",
            next: "Try again in a few seconds.")
        }
        state.jobs.append(Job(bytes: bytes, digest: digest, continuation: continuation))
        return nil
      }
      if let refusal { continuation.resume(returning: .failure(refusal)) } else { parker.wake() }
    }
    return try result.get().pointer
  }

  func stop() {
    let jobs = state.withLock { state -> Deque<Job> in
      state.stopping = true
      let jobs = state.jobs
      state.jobs = []
      return jobs
    }
    for job in jobs {
      job.continuation.resume(
        returning: .failure(Problem(.unavailable, code: "stopping", "the node is stopping")))
    }
    parker.wake()
  }

  /// The body of the compiler's thread.
  func run() {
    while true {
      let (job, stopping) = state.withLock { ($0.jobs.popFirst(), $0.stopping) }
      if let job {
        job.continuation.resume(returning: module(for: job))
      } else if stopping {
        return
      } else {
        parker.park(until: nil)
      }
    }
  }

  private func module(for job: Job) -> Result<OpaqueModule, Problem> {
    if let cached = cache?.load(job.digest, engine: engine) {
      return .success(OpaqueModule(pointer: cached))
    }
    var module: OpaquePointer?
    if let error = wasmtime_module_new(engine.pointer, job.bytes, job.bytes.count, &module) {
      return .failure(
        Problem(
          .invalidInput, code: "module_invalid", "the module is not valid WebAssembly",
          cause: String(LibraryFailure.message(consuming: error).prefix(500)),
          next: "Check it with `wasm-tools validate` or rebuild it."))
    }
    guard let module else {
      return .failure(
        Problem(.internalFault, code: "compiler_failed", "the compiler gave no module"))
    }
    cache?.keep(module, job.digest)
    return .success(OpaqueModule(pointer: module))
  }
}
