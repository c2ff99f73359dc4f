import CWasmtime
import ClusterModel

/// Owns the library's engine.
///
/// `@unchecked Sendable`: the library's engine may be used from any thread; the pointer never
/// changes.
final class EngineHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  /// The engine that runs code, and compiles what is to be fast.
  ///
  /// - Parameter configuration: validated; the library aborts the process on a bad one.
  static func running(_ configuration: EngineConfiguration) throws(Problem) -> EngineHandle {
    guard let pool = wasmtime_pooling_allocation_config_new() else { throw unavailable }
    defer { wasmtime_pooling_allocation_config_delete(pool) }
    setPool(pool, configuration)
    return try EngineHandle(configuration) { settings in
      wasmtime_config_cranelift_opt_level_set(settings, UInt8(WM_OPT_LEVEL_SPEED))
      wasmtime_pooling_allocation_strategy_set(settings, pool)
    }
  }

  /// An engine that only compiles, quickly, for the one that runs: the library does not mind how code was
  /// optimised when it loads it. It has no pool.
  static func quick(_ configuration: EngineConfiguration) throws(Problem) -> EngineHandle {
    try EngineHandle(configuration) { settings in
      wasmtime_config_cranelift_opt_level_set(settings, UInt8(WM_OPT_LEVEL_NONE))
      wasmtime_config_cranelift_regalloc_algorithm_set(settings, UInt8(WM_REGALLOC_SINGLE_PASS))
    }
  }

  private init(
    _ configuration: EngineConfiguration, _ set: (OpaquePointer) -> Void
  ) throws(Problem) {
    guard let settings = wasm_config_new() else { throw Self.unavailable }
    Self.setCodeSettings(settings, configuration)
    set(settings)
    guard let engine = wasm_engine_new_with_config(settings) else { throw Self.unavailable }
    pointer = engine
  }

  deinit { wasm_engine_delete(pointer) }

  private static let unavailable = Problem(
    .internalFault, code: "engine_unavailable", "the Wasmtime engine could not be made",
    next: "Look at the memory limits of the process with `wasmatrix doctor`.")

  private static func setCodeSettings(
    _ settings: OpaquePointer, _ configuration: EngineConfiguration
  ) {
    wasmtime_config_strategy_set(settings, UInt8(WM_STRATEGY_CRANELIFT))
    wasmtime_config_parallel_compilation_set(settings, false)
    wasmtime_config_epoch_interruption_set(settings, true)
    wasmtime_config_max_wasm_stack_set(settings, configuration.guestStack.bytes)
    wasmtime_config_async_stack_size_set(settings, configuration.fiberStack.bytes)
    // Proposals that would let one instance share memory, or hold more than the limits count.
    wasmtime_config_wasm_threads_set(settings, false)
    wasmtime_config_shared_memory_set(settings, false)
    wasmtime_config_wasm_memory64_set(settings, false)
    wasmtime_config_wasm_gc_set(settings, false)
    // Without it references to the host and exceptions need a heap beside the memories.
    wasmtime_config_gc_support_set(settings, false)
    wasmtime_config_wasm_exceptions_set(settings, false)
    wasmtime_config_wasm_multi_memory_set(settings, true)
    wasmtime_config_wasm_function_references_set(settings, false)
  }

  private static func setPool(_ pool: OpaquePointer, _ configuration: EngineConfiguration) {
    let slots = UInt32(configuration.instanceSlots)
    wasmtime_pooling_allocation_config_total_core_instances_set(pool, slots)
    wasmtime_pooling_allocation_config_total_memories_set(pool, slots)
    wasmtime_pooling_allocation_config_total_stacks_set(pool, slots)
    wasmtime_pooling_allocation_config_total_tables_set(
      pool, slots * UInt32(InstanceLimits.tables))
    wasmtime_pooling_allocation_config_max_memories_per_module_set(
      pool, UInt32(InstanceLimits.memories))
    wasmtime_pooling_allocation_config_max_tables_per_module_set(
      pool, UInt32(InstanceLimits.tables))
    wasmtime_pooling_allocation_config_table_elements_set(pool, InstanceLimits.tableElements)
    wasmtime_pooling_allocation_config_max_memory_size_set(pool, 4 << 30)
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(
      pool, configuration.residentMemory.bytes)
    wasmtime_pooling_allocation_config_table_keep_resident_set(pool, 4096)
    wasmtime_pooling_allocation_config_async_stack_keep_resident_set(pool, 16 << 10)
  }
}

/// The engine that runs code, and the one that compiles quickly for it.
struct CodeEngines: Sendable {
  let running: EngineHandle
  let quick: EngineHandle
  /// The settings that compiled code depends on, as part of cache keys.
  let settings: String

  init(_ configuration: EngineConfiguration) throws(Problem) {
    running = try .running(configuration)
    quick = try .quick(configuration)
    settings = "cranelift epoch pool stack=\(configuration.guestStack) no-gc multi-memory"
  }
}

/// What every instance is held to besides the limits of its deployment.
enum InstanceLimits {
  /// Compilers emit one table, some a second one for references.
  static let tables = 4
  /// They share the limit of memory.
  static let memories = 4
  /// 64 Ki function pointers: more than any command we saw.
  static let tableElements = 65_536
}
