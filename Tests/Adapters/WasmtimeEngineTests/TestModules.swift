import CWasmtime
import ClusterModel
import Glibc
import HostPorts
import Testing

@testable import WasmtimeEngine

/// One engine for all tests of this process: its pool takes most of the mappings there are.
enum SharedEngine {
  static let engine: Result<WasmtimeEngine, Problem> = {
    do throws(Problem) {
      return .success(try WasmtimeEngine(scratchFolder: scratchFolder))
    } catch {
      return .failure(error)
    }
  }()

  static let scratchFolder = "/tmp/wasmatrix-engine-tests.\(getpid())"

  static func prepare(_ text: String) async throws -> any PreparedModule {
    let bytes = try wasm(text)
    return try await engine.get().prepare(
      bytes, digest: ModuleDigest(sha256: [UInt8](repeating: 7, count: 32)))
  }
}

/// The binary of a module in the text format.
func wasm(_ text: String) throws -> [UInt8] {
  var binary = wasm_byte_vec_t()
  if let error = wasmtime_wat2wasm(text, text.utf8.count, &binary) {
    throw Problem(
      .invalidInput, code: "wat_invalid", LibraryFailure.message(consuming: error))
  }
  defer { wasm_byte_vec_delete(&binary) }
  return Array(UnsafeBufferPointer(start: binary.data, count: binary.size))
}

func activation(
  input: [UInt8] = [], arguments: [String] = ["test"], environment: [EnvironmentVariable] = [],
  limits: ActivationLimits = .patient
) -> Activation {
  Activation(
    arguments: arguments, environment: environment, input: input, limits: limits)
}

func failure(_ report: ActivationReport) -> ActivationFailure? {
  switch report.result {
  case .success: nil
  case .failure(let failure): failure
  }
}

func output(_ report: ActivationReport) -> [UInt8]? {
  switch report.result {
  case .success(let bytes): bytes
  case .failure: nil
  }
}

/// Modules that the tests run.
enum Wat {
  static let imports = """
    (import "wasi_snapshot_preview1" "fd_read"
      (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
      (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))
    """

  static func command(memory: String = "(memory (export \"memory\") 2)", _ body: String) -> String {
    "(module \(imports) \(memory) (func (export \"_start\") \(body)))"
  }

  /// Adds one to every byte of the input, in pieces of 4 KiB at 1024.
  static let increment = command(
    """
    (local $n i32) (local $i i32)
    (loop $again
      (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 4096))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $n (i32.load (i32.const 8)))
      (if (i32.eqz (local.get $n)) (then return))
      (local.set $i (i32.const 0))
      (loop $each
        (i32.store8 (i32.add (i32.const 1024) (local.get $i))
          (i32.add (i32.const 1) (i32.load8_u (i32.add (i32.const 1024) (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $each (i32.lt_u (local.get $i) (local.get $n))))
      (i32.store (i32.const 4) (local.get $n))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $again))
    """)

  static let spin = command("(loop $l (br $l))")
  static let trap = command("unreachable")

  static func exit(_ status: Int) -> String { command("(call $exit (i32.const \(status)))") }

  /// Sleeps on the monotonic clock, then writes "!".
  static func sleep(nanoseconds: Int) -> String {
    command(
      """
      (i32.store (i32.const 16) (i32.const 1))
      (i64.store (i32.const 24) (i64.const \(nanoseconds)))
      (if (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))
        (then unreachable))
      (if (i32.ne (i32.load (i32.const 128)) (i32.const 1)) (then unreachable))
      (i32.store (i32.const 0) (i32.const 200)) (i32.store (i32.const 4) (i32.const 1))
      (i32.store8 (i32.const 200) (i32.const 33))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      """)
  }

  /// Grows its memory until that fails, then traps.
  static let hog = command(
    """
    (loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable
    """)

  /// Writes 64 KiB to a stream for ever.
  static func flood(_ stream: Int) -> String {
    command(
      """
      (loop $l
        (i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 65536))
        (drop (call $write (i32.const \(stream)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br $l))
      """)
  }

  /// Calls itself for ever.
  static let recurse = """
    (module (memory (export "memory") 1)
      (func $deep (param i32) (result i32)
        (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
      (func (export "_start") (drop (call $deep (i32.const 0)))))
    """

  /// Counts its own runs in memory and a global, and writes the sum: 2 in every fresh instance.
  static let counter = """
    (module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (global $runs (mut i32) (i32.const 0))
      (func (export "_start")
        (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
        (i32.store (i32.const 4096) (i32.add (i32.load (i32.const 4096)) (i32.const 1)))
        (i32.store8 (i32.const 100)
          (i32.add (global.get $runs) (i32.load (i32.const 4096))))
        (i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 1))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
    """
}

extension ActivationLimits {
  /// Those of tests that are about something else: others may keep the machine busy for long.
  static let patient = ActivationLimits(wallTime: Range.wallTime.upperBound)
}
