import CWasmtime
import Foundation
import ProcessTesting
import Testing

/// Our declarations of the library against the description in the wheel that brought it.
@Suite struct LayoutTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  @Test func `every size and every signature is as the wheel describes it`() throws {
    let sizes = [
      "wasm_byte_vec_t": MemoryLayout<wasm_byte_vec_t>.size,
      "wasmtime_func": MemoryLayout<wasmtime_func_t>.size,
      "wasmtime_instance": MemoryLayout<wasmtime_instance_t>.size,
      // Swift leaves out the padding at the end; the stride has it.
      "wasmtime_memory": MemoryLayout<wasmtime_memory_t>.stride,
      "wasmtime_global": MemoryLayout<wasmtime_global_t>.stride,
      "wasmtime_extern": MemoryLayout<wasmtime_extern_t>.stride,
      "wasmtime_anyref": MemoryLayout<wasmtime_anyref_t>.size,
      "wasmtime_val": MemoryLayout<wasmtime_val_t>.stride,
      "wasmtime_val_raw": MemoryLayout<wasmtime_val_raw_t>.size,
      "wasmtime_async_continuation_t": MemoryLayout<wasmtime_async_continuation_t>.size,
    ]
    let root = Self.root
    let ended = try ChildProcess.run(
      [
        "python3", root + "/Tests/Support/compare_binding.py", root + "/.wasmtime/_bindings.py",
        root + "/Sources/Adapters/CWasmtime/include/CWasmtime.h",
      ], input: Array(try JSONEncoder().encode(sizes)))
    #expect(
      ended.status == 0, "\(ended.output)\nRun scripts/bootstrap if a file is missing.")
  }
}
