import CWasmtime
import ClusterModel
import Glibc

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
      let module = wasm_importtype_module(type).pointee
      return Import(
        // Nearly always; a text of its own for each would cost more.
        module: module.holds(WASIFunctions.module)
          ? WASIFunctions.module : LibraryFailure.string(module),
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
      let name = wasm_exporttype_name(type).pointee
      // Asked for its type, the library makes it.
      if name.holds("_start"),
        let function = wasm_externtype_as_functype_const(wasm_exporttype_type(type))
      {
        let isPlain =
          wasm_functype_params(function).pointee.size == 0
          && wasm_functype_results(function).pointee.size == 0
        start = isPlain ? index : nil
      }
      if name.holds("memory"),
        wasm_externtype_as_memorytype_const(wasm_exporttype_type(type)) != nil
      {
        memory = index
      }
    }
    self.start = start
    self.memory = memory
  }

  /// - Throws: ``Problem`` `import_unknown` that names what no linker knows, and what is offered.
  func checkImports() throws(Problem) {
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
  }

  /// - Throws: ``Problem`` `entry_missing`, `memory_missing`; before them what ``checkImports()`` throws.
  /// - Returns: the number of the export `_start`.
  func checkExports() throws(Problem) -> Int {
    guard let start else {
      try checkImports()
      throw Problem(
        .invalidInput, code: "entry_missing",
        "the module exports no function _start without parameters and results",
        next: "Build it as a command (an executable), not as a library or reactor.")
    }
    guard memory != nil || imports.isEmpty else {
      try checkImports()
      throw Problem(
        .invalidInput, code: "memory_missing",
        "the module calls WASI but exports no memory named \"memory\"",
        next: "Export its memory; linkers for WASI do so by default.")
    }
    return start
  }
}

extension wasm_byte_vec_t {
  /// Whether it is this text.
  fileprivate func holds(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { wanted in
      guard let start = wanted.baseAddress, wanted.count == size else { return false }
      return memcmp(start, data, size) == 0
    }
  }
}
