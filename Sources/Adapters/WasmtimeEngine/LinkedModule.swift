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
  /// The functions that it imports, in the order of the module.
  let imports: [String]
  /// The number of the export `_start`, and of the memory that is exported as `memory`.
  let start: Int
  let memory: Int?
  private let module: OpaquePointer
  private let mayWait: OpaquePointer
  /// For guests that have nothing to read but what is in memory: reading costs them less. `nil` for those
  /// that do not read.
  private let neverWaits: OpaquePointer?

  /// - Parameter compiled: owned from here on, also when this throws.
  /// - Throws: ``Problem`` `import_unknown`, `import_mismatch`, `entry_missing`, `memory_missing`.
  init(_ compiled: CompiledModule, linkers: CommandLinkers) throws(Problem) {
    let module = compiled.pointer
    do throws(Problem) {
      let shape = ModuleShape(module)
      start = try shape.check()
      memory = shape.memory
      imports = shape.imports.map(\.name)
      mayWait = try linkers.mayWait.link(module)
      neverWaits =
        imports.contains(ReadFunction.name) ? try linkers.neverWaits.link(module) : nil
    } catch {
      wasmtime_module_delete(module)
      throw error
    }
    self.module = module
    mode = compiled.mode
  }

  deinit {
    wasmtime_instance_pre_delete(mayWait)
    if let neverWaits { wasmtime_instance_pre_delete(neverWaits) }
    wasmtime_module_delete(module)
  }

  /// What the instance of a run is made of.
  func instancePre(for run: PendingRun) -> OpaquePointer {
    guard let neverWaits, run.readsFromMemoryAlone else { return mayWait }
    return neverWaits
  }
}

/// Owns a linker that knows every host function.
///
/// `@unchecked Sendable`: after `init` it is only read, which the library allows from any thread.
final class CommandLinker: @unchecked Sendable {
  private let pointer: OpaquePointer

  init(_ engine: EngineHandle, _ waiting: WASIFunctions.Waiting) {
    guard let linker = wasmtime_linker_new(engine.pointer) else {
      preconditionFailure("the library gave no linker, which it always does")
    }
    WASIFunctions.define(in: linker, waiting)
    pointer = linker
  }

  deinit { wasmtime_linker_delete(pointer) }

  /// - Throws: ``Problem`` `import_mismatch`.
  func link(_ module: OpaquePointer) throws(Problem) -> OpaquePointer {
    var pre: OpaquePointer?
    if let error = wasmtime_linker_instantiate_pre(pointer, module, &pre) {
      throw Problem(
        .invalidInput, code: "import_mismatch", "the module cannot be linked",
        cause: LibraryFailure.message(consuming: error),
        next: "Build it for WASI preview 1 (wasm32-wasip1).")
    }
    guard let pre else {
      throw Problem(.internalFault, code: "link_failed", "the module could not be linked")
    }
    return pre
  }
}

/// The linkers of an engine: host functions that may wait cost more.
struct CommandLinkers: Sendable {
  let mayWait: CommandLinker
  /// Reading never waits; sleeping does.
  let neverWaits: CommandLinker

  init(_ engine: EngineHandle, writesMayWait: Bool) {
    let writing: WASIFunctions.Waiting = writesMayWait ? .writing : []
    mayWait = CommandLinker(engine, [.reading, writing])
    neverWaits = CommandLinker(engine, writing)
  }
}
