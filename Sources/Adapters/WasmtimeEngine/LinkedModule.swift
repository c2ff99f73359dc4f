import CWasmtime
import ClusterModel
import HostPorts

/// Code of a module that is compiled and linked, of one mode. Released when nobody holds it any more, running
/// instances included.
///
/// `@unchecked Sendable`: the library lets a module and its pre-instantiation be used from any thread; the
/// pointers never change.
final class LinkedModule: @unchecked Sendable {
  let mode: CodeMode
  let instancePre: OpaquePointer
  /// The functions that it imports, in the order of the module.
  let imports: [String]
  private let module: OpaquePointer

  /// - Parameter compiled: owned from here on, also when this throws.
  /// - Throws: ``Problem`` `import_unknown`, `import_mismatch`, `entry_missing`, `memory_missing`.
  init(_ compiled: CompiledModule, linker: OpaquePointer) throws(Problem) {
    module = compiled.pointer
    mode = compiled.mode
    do throws(Problem) {
      let shape = ModuleShape(module)
      try shape.check()
      var pre: OpaquePointer?
      if let error = wasmtime_linker_instantiate_pre(linker, module, &pre) {
        throw Problem(
          .invalidInput, code: "import_mismatch", "the module cannot be linked",
          cause: LibraryFailure.message(consuming: error),
          next: "Build it for WASI preview 1 (wasm32-wasip1).")
      }
      guard let pre else {
        throw Problem(.internalFault, code: "link_failed", "the module could not be linked")
      }
      instancePre = pre
      imports = shape.imports.map(\.name)
    } catch {
      wasmtime_module_delete(module)
      throw error
    }
  }

  deinit {
    wasmtime_instance_pre_delete(instancePre)
    wasmtime_module_delete(module)
  }
}
