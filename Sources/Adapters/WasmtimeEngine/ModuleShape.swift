import CWasmtime
import ClusterModel

/// What a module imports and exports, as far as it decides whether it can run here.
struct ModuleShape {
  struct Import: Hashable {
    var module: String
    var name: String
  }

  let imports: [Import]
  /// The number of the export `_start`; `nil` when there is none without parameters and results.
  let start: Int?
  /// The number of the memory that is exported as `memory`.
  let memory: Int?

  init(_ module: OpaquePointer) {
    var importTypes = wasm_importtype_vec_t()
    wasmtime_module_imports(module, &importTypes)
    imports = UnsafeBufferPointer(start: importTypes.data, count: importTypes.size).map { type in
      Import(
        module: LibraryFailure.string(wasm_importtype_module(type).pointee),
        name: LibraryFailure.string(wasm_importtype_name(type).pointee))
    }
    wasm_importtype_vec_delete(&importTypes)

    var exportTypes = wasm_exporttype_vec_t()
    wasmtime_module_exports(module, &exportTypes)
    defer { wasm_exporttype_vec_delete(&exportTypes) }
    var start: Int?
    var memory: Int?
    let exports = UnsafeBufferPointer(start: exportTypes.data, count: exportTypes.size)
    for (index, type) in exports.enumerated() {
      let name = LibraryFailure.string(wasm_exporttype_name(type).pointee)
      let external = wasm_exporttype_type(type)
      if name == "_start", let function = wasm_externtype_as_functype_const(external) {
        let isPlain =
          wasm_functype_params(function).pointee.size == 0
          && wasm_functype_results(function).pointee.size == 0
        start = isPlain ? index : nil
      }
      if name == "memory", wasm_externtype_as_memorytype_const(external) != nil { memory = index }
    }
    self.start = start
    self.memory = memory
  }

  /// - Throws: ``Problem`` that names what is missing and what is offered.
  ///
  /// - Returns: the number of the export `_start`.
  func check() throws(Problem) -> Int {
    let unknown = imports.filter {
      $0.module != WASIFunctions.module || !WASIFunctions.names.contains($0.name)
    }
    guard unknown.isEmpty else {
      let names = unknown.prefix(10).map { "\($0.module.prefix(64)).\($0.name.prefix(64))" }
      let more = unknown.count > 10 ? " and \(unknown.count - 10) more" : ""
      throw Problem(
        .invalidInput, code: "import_unknown",
        "the module imports what no capability offers: \(names.joined(separator: ", "))\(more)",
        next: "Build it as a WASI preview 1 command (wasm32-wasip1); it may import "
          + "\(WASIFunctions.module) only.")
    }
    guard let start else {
      throw Problem(
        .invalidInput, code: "entry_missing",
        "the module exports no function _start without parameters and results",
        next: "Build it as a command (an executable), not as a library or reactor.")
    }
    guard memory != nil || imports.isEmpty else {
      throw Problem(
        .invalidInput, code: "memory_missing",
        "the module calls WASI but exports no memory named \"memory\"",
        next: "Export its memory; linkers for WASI do so by default.")
    }
    return start
  }
}
