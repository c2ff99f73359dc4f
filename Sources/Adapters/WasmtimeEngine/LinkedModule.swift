import CWasmtime
import ClusterModel
import HostPorts
import Synchronization

/// Code of a module that is compiled and linked, of one mode. Released when nobody holds it any more, running
/// instances included.
///
/// `@unchecked Sendable`: the library lets a module and its pre-instantiation be used from any thread; the
/// pointers never change.
final class LinkedModule: @unchecked Sendable {
  let mode: CodeMode
  /// The functions that it imports, in the order of the module.
  let imports: [String]
  private let start: Int
  private let memory: Int?
  private let module: OpaquePointer
  /// For guests that have nothing to read but what is in memory, which functions that never wait serve for less; also
  /// for those that do not read at all.
  private let usual: InstancePre
  /// Of one that reads: the linker for when that may have to wait, and what it gave when the first needed it.
  private let waitingLinker: CommandLinker?
  private let waiting = Mutex<InstancePre?>(nil)

  /// - Parameter compiled: owned from here on, also when this throws.
  /// - Throws: ``Problem`` `import_unknown`, `import_mismatch`, `entry_missing`, `memory_missing`.
  init(_ compiled: CompiledModule, linkers: CommandLinkers) throws(Problem) {
    let module = compiled.pointer
    do throws(Problem) {
      let shape = ModuleShape(module)
      start = try shape.checkExports()
      usual = try linkers.neverWaits.link(module, shape)
      memory = shape.memory
      imports = shape.imports.map(\.name)
      waitingLinker = imports.contains(ReadFunction.name) ? linkers.mayWait : nil
    } catch {
      wasmtime_module_delete(module)
      throw error
    }
    self.module = module
    mode = compiled.mode
  }

  deinit {
    wasmtime_instance_pre_delete(usual.pointer)
    waiting.withLock { if let made = $0 { wasmtime_instance_pre_delete(made.pointer) } }
    wasmtime_module_delete(module)
  }

  /// What an instance is made of.
  func code(readingFromMemoryAlone: Bool) -> PreparedCode {
    PreparedCode(
      instancePre: readingFromMemoryAlone ? usual.pointer : waitingPre(), start: start,
      memory: memory)
  }

  /// `nil` when the library cannot make it, which it could of functions with the same types before.
  private func waitingPre() -> OpaquePointer? {
    guard let waitingLinker else { return usual.pointer }
    return waiting.withLock { made in
      if made == nil { made = try? waitingLinker.link(module) }
      return made
    }?.pointer
  }
}

/// What an instance is made of, as long as the ``LinkedModule`` lives that it comes from.
///
/// `@unchecked Sendable`: the library lets a pre-instantiation be used from any thread.
struct PreparedCode: @unchecked Sendable {
  let instancePre: OpaquePointer?
  /// The number of the export `_start`, and of the memory that is exported as `memory`.
  let start: Int
  let memory: Int?
}

/// A module with what it imports.
///
/// `@unchecked Sendable`: the library lets it be used from any thread.
private struct InstancePre: @unchecked Sendable {
  let pointer: OpaquePointer
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

  /// - Parameter shape: of the module; looked at when it cannot be linked.
  /// - Throws: ``Problem`` `import_unknown`, `import_mismatch`.
  fileprivate func link(
    _ module: OpaquePointer, _ shape: ModuleShape? = nil
  ) throws(Problem) -> InstancePre {
    var pre: OpaquePointer?
    if let error = wasmtime_linker_instantiate_pre(pointer, module, &pre) {
      let cause = LibraryFailure.message(consuming: error)
      try shape?.checkImports()
      throw Problem(
        .invalidInput, code: "import_mismatch", "the module cannot be linked",
        cause: cause,
        next: "Build it for WASI preview 1 (wasm32-wasip1).")
    }
    guard let pre else {
      throw Problem(.internalFault, code: "link_failed", "the module could not be linked")
    }
    return InstancePre(pointer: pre)
  }
}

/// The linkers of an engine: host functions that may wait cost more.
struct CommandLinkers: Sendable {
  let mayWait: CommandLinker
  /// Reading never waits; sleeping does. The names and types of its functions are those of the other.
  let neverWaits: CommandLinker

  init(_ engine: EngineHandle, writesMayWait: Bool) {
    let writing: WASIFunctions.Waiting = writesMayWait ? .writing : []
    mayWait = CommandLinker(engine, [.reading, writing])
    neverWaits = CommandLinker(engine, writing)
  }
}
