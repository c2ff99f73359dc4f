// What we call of Wasmtime's C API, declared by ourselves: the wheel that brings the library holds
// no headers. Sizes and offsets are asserted in CWasmtime.c, and a test compares them with the
// binding description that the wheel does hold. For the library version in WM_LIBRARY_VERSION only.
#ifndef CWASMTIME_H
#define CWASMTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_LIBRARY_VERSION "50.0.1"

// Opaque things. Each is deleted by the function named after it.
typedef struct wasm_config_t wasm_config_t;
typedef struct wasm_engine_t wasm_engine_t;
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasm_functype_t wasm_functype_t;
typedef struct wasm_externtype_t wasm_externtype_t;
typedef struct wasm_memorytype_t wasm_memorytype_t;
typedef struct wasm_importtype_t wasm_importtype_t;
typedef struct wasm_exporttype_t wasm_exporttype_t;
typedef struct wasm_frame_t wasm_frame_t;
typedef struct wasm_trap_t wasm_trap_t;
typedef struct wasmtime_error wasmtime_error_t;
typedef struct wasmtime_module wasmtime_module_t;
typedef struct wasmtime_store wasmtime_store_t;
typedef struct wasmtime_context wasmtime_context_t;
typedef struct wasmtime_linker wasmtime_linker_t;
typedef struct wasmtime_caller wasmtime_caller_t;
typedef struct wasmtime_instance_pre wasmtime_instance_pre_t;
typedef struct wasmtime_call_future wasmtime_call_future_t;
typedef struct wasmtime_pooling_allocation_config_t wasmtime_pooling_allocation_config_t;

// Vectors that own what they hold.
typedef struct wasm_byte_vec_t { size_t size; uint8_t *data; } wasm_byte_vec_t;
typedef wasm_byte_vec_t wasm_name_t;
typedef struct wasm_valtype_vec_t { size_t size; wasm_valtype_t **data; } wasm_valtype_vec_t;
typedef struct wasm_frame_vec_t { size_t size; wasm_frame_t **data; } wasm_frame_vec_t;
typedef struct wasm_importtype_vec_t { size_t size; wasm_importtype_t **data; } wasm_importtype_vec_t;
typedef struct wasm_exporttype_vec_t { size_t size; wasm_exporttype_t **data; } wasm_exporttype_vec_t;

// Handles into a store: plain values, valid as long as the store.
typedef struct wasmtime_func { uint64_t store_id; void *private_pointer; } wasmtime_func_t;
typedef struct wasmtime_instance { uint64_t store_id; size_t private_index; } wasmtime_instance_t;
typedef struct wasmtime_memory {
  struct { uint64_t store_id; uint32_t private1; } first;
  uint32_t private2;
} wasmtime_memory_t;
typedef struct wasmtime_global {
  uint64_t store_id;
  uint32_t private1, private2, private3;
} wasmtime_global_t;

typedef uint8_t wasmtime_extern_kind_t;
enum { WM_EXTERN_FUNC = 0, WM_EXTERN_GLOBAL = 1, WM_EXTERN_TABLE = 2, WM_EXTERN_MEMORY = 3 };

typedef union wasmtime_extern_union {
  wasmtime_func_t func;
  wasmtime_global_t global;
  wasmtime_memory_t memory;
  void *sharedmemory;
} wasmtime_extern_union_t;
typedef struct wasmtime_extern { wasmtime_extern_kind_t kind; wasmtime_extern_union_t of; } wasmtime_extern_t;

typedef struct wasmtime_anyref {
  uint64_t store_id;
  uint32_t private1, private2;
  void *private3;
} wasmtime_anyref_t;
typedef uint8_t wasmtime_v128[16];
typedef union wasmtime_valunion {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
  wasmtime_anyref_t anyref;
  wasmtime_func_t funcref;
  wasmtime_v128 v128;
} wasmtime_valunion_t;
typedef struct wasmtime_val { uint8_t kind; wasmtime_valunion_t of; } wasmtime_val_t;
typedef union wasmtime_val_raw {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
  wasmtime_v128 v128;
  void *funcref;
} wasmtime_val_raw_t;

enum { WM_STRATEGY_CRANELIFT = 1, WM_STRATEGY_WINCH = 2 };
enum { WM_OPT_LEVEL_NONE = 0, WM_OPT_LEVEL_SPEED = 1 };
enum { WM_REGALLOC_BACKTRACKING = 0, WM_REGALLOC_SINGLE_PASS = 1 };

// Configuration. An invalid one aborts the process: EngineConfiguration checks before.
wasm_config_t *wasm_config_new(void);
void wasm_config_delete(wasm_config_t *);
void wasmtime_config_epoch_interruption_set(wasm_config_t *, bool);
void wasmtime_config_max_wasm_stack_set(wasm_config_t *, size_t);
void wasmtime_config_async_stack_size_set(wasm_config_t *, size_t);
void wasmtime_config_wasm_threads_set(wasm_config_t *, bool);
void wasmtime_config_shared_memory_set(wasm_config_t *, bool);
void wasmtime_config_wasm_memory64_set(wasm_config_t *, bool);
void wasmtime_config_wasm_multi_memory_set(wasm_config_t *, bool);
void wasmtime_config_wasm_gc_set(wasm_config_t *, bool);
void wasmtime_config_gc_support_set(wasm_config_t *, bool);
void wasmtime_config_wasm_exceptions_set(wasm_config_t *, bool);
void wasmtime_config_wasm_function_references_set(wasm_config_t *, bool);
void wasmtime_config_wasm_component_model_set(wasm_config_t *, bool);
void wasmtime_config_strategy_set(wasm_config_t *, uint8_t);
void wasmtime_config_cranelift_opt_level_set(wasm_config_t *, uint8_t);
void wasmtime_config_cranelift_regalloc_algorithm_set(wasm_config_t *, uint8_t);
void wasmtime_config_parallel_compilation_set(wasm_config_t *, bool);
void wasmtime_pooling_allocation_strategy_set(
    wasm_config_t *, const wasmtime_pooling_allocation_config_t *);
wasmtime_pooling_allocation_config_t *wasmtime_pooling_allocation_config_new(void);
void wasmtime_pooling_allocation_config_delete(wasmtime_pooling_allocation_config_t *);
#define WM_POOL_SETTING(name, type) \
  void wasmtime_pooling_allocation_config_##name##_set(wasmtime_pooling_allocation_config_t *, type)
WM_POOL_SETTING(total_memories, uint32_t);
WM_POOL_SETTING(total_tables, uint32_t);
WM_POOL_SETTING(total_stacks, uint32_t);
WM_POOL_SETTING(total_core_instances, uint32_t);
WM_POOL_SETTING(max_unused_warm_slots, uint32_t);
WM_POOL_SETTING(max_memories_per_module, uint32_t);
WM_POOL_SETTING(max_tables_per_module, uint32_t);
WM_POOL_SETTING(max_memory_size, size_t);
WM_POOL_SETTING(table_elements, size_t);
WM_POOL_SETTING(linear_memory_keep_resident, size_t);
WM_POOL_SETTING(table_keep_resident, size_t);
WM_POOL_SETTING(async_stack_keep_resident, size_t);

// Engine.
wasm_engine_t *wasm_engine_new_with_config(wasm_config_t *);  // takes the configuration
void wasm_engine_delete(wasm_engine_t *);
void wasmtime_engine_increment_epoch(wasm_engine_t *);

// Modules.
wasmtime_error_t *wasmtime_module_new(
    wasm_engine_t *, const uint8_t *, size_t, wasmtime_module_t **);
void wasmtime_module_delete(wasmtime_module_t *);
wasmtime_error_t *wasmtime_module_serialize(wasmtime_module_t *, wasm_byte_vec_t *);
wasmtime_error_t *wasmtime_module_deserialize(
    wasm_engine_t *, const uint8_t *, size_t, wasmtime_module_t **);
void wasmtime_module_imports(const wasmtime_module_t *, wasm_importtype_vec_t *);
void wasmtime_module_exports(const wasmtime_module_t *, wasm_exporttype_vec_t *);
void wasm_importtype_vec_delete(wasm_importtype_vec_t *);
void wasm_exporttype_vec_delete(wasm_exporttype_vec_t *);
const wasm_name_t *wasm_importtype_module(const wasm_importtype_t *);
const wasm_name_t *wasm_importtype_name(const wasm_importtype_t *);
const wasm_name_t *wasm_exporttype_name(const wasm_exporttype_t *);
const wasm_externtype_t *wasm_exporttype_type(const wasm_exporttype_t *);
const wasm_functype_t *wasm_externtype_as_functype_const(const wasm_externtype_t *);
const wasm_memorytype_t *wasm_externtype_as_memorytype_const(const wasm_externtype_t *);
const wasm_valtype_vec_t *wasm_functype_params(const wasm_functype_t *);
const wasm_valtype_vec_t *wasm_functype_results(const wasm_functype_t *);
void wasm_byte_vec_delete(wasm_byte_vec_t *);

// Linking.
wasm_valtype_t *wasm_valtype_new(uint8_t);
void wasm_valtype_vec_new(wasm_valtype_vec_t *, size_t, wasm_valtype_t *const *);
void wasm_valtype_vec_new_empty(wasm_valtype_vec_t *);
wasm_functype_t *wasm_functype_new(wasm_valtype_vec_t *, wasm_valtype_vec_t *);
void wasm_functype_delete(wasm_functype_t *);
wasmtime_linker_t *wasmtime_linker_new(wasm_engine_t *);
void wasmtime_linker_delete(wasmtime_linker_t *);
typedef wasm_trap_t *(*wasmtime_func_unchecked_callback_t)(
    void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count);
wasmtime_error_t *wasmtime_linker_define_func_unchecked(
    wasmtime_linker_t *, const char *module, size_t module_length, const char *name,
    size_t name_length, const wasm_functype_t *, wasmtime_func_unchecked_callback_t, void *env,
    void (*finalizer)(void *));
typedef struct wasmtime_async_continuation_t {
  bool (*callback)(void *env);
  void *env;
  void (*finalizer)(void *);
} wasmtime_async_continuation_t;
typedef void (*wasmtime_func_async_callback_t)(
    void *env, wasmtime_caller_t *caller, const wasmtime_val_t *arguments, size_t argument_count,
    wasmtime_val_t *results, size_t result_count, wasm_trap_t **trap,
    wasmtime_async_continuation_t *continuation);
wasmtime_error_t *wasmtime_linker_define_async_func(
    wasmtime_linker_t *, const char *module, size_t module_length, const char *name,
    size_t name_length, const wasm_functype_t *, wasmtime_func_async_callback_t, void *env,
    void (*finalizer)(void *));
wasmtime_error_t *wasmtime_linker_instantiate_pre(
    const wasmtime_linker_t *, const wasmtime_module_t *, wasmtime_instance_pre_t **);
void wasmtime_instance_pre_delete(wasmtime_instance_pre_t *);

// Stores and what runs in them.
wasmtime_store_t *wasmtime_store_new(wasm_engine_t *, void *data, void (*finalizer)(void *));
void wasmtime_store_delete(wasmtime_store_t *);
wasmtime_context_t *wasmtime_store_context(wasmtime_store_t *);
void wasmtime_store_limiter(
    wasmtime_store_t *, int64_t memory_size, int64_t table_elements, int64_t instances,
    int64_t tables, int64_t memories);
void *wasmtime_context_get_data(const wasmtime_context_t *);
void wasmtime_context_set_data(wasmtime_context_t *, void *data);
void wasmtime_context_set_epoch_deadline(wasmtime_context_t *, uint64_t ticks);
void wasmtime_context_epoch_deadline_async_yield_and_update(wasmtime_context_t *, uint64_t ticks);
wasmtime_call_future_t *wasmtime_instance_pre_instantiate_async(
    const wasmtime_instance_pre_t *, wasmtime_context_t *, wasmtime_instance_t *, wasm_trap_t **,
    wasmtime_error_t **);
wasmtime_call_future_t *wasmtime_func_call_async(
    wasmtime_context_t *, const wasmtime_func_t *, const wasmtime_val_t *arguments, size_t,
    wasmtime_val_t *results, size_t, wasm_trap_t **, wasmtime_error_t **);
bool wasmtime_call_future_poll(wasmtime_call_future_t *);
void wasmtime_call_future_delete(wasmtime_call_future_t *);
bool wasmtime_instance_export_get(
    wasmtime_context_t *, const wasmtime_instance_t *, const char *, size_t, wasmtime_extern_t *);
bool wasmtime_instance_export_nth(
    wasmtime_context_t *, const wasmtime_instance_t *, size_t index, char **name, size_t *length,
    wasmtime_extern_t *);
bool wasmtime_caller_export_get(
    wasmtime_caller_t *, const char *, size_t, wasmtime_extern_t *);
wasmtime_context_t *wasmtime_caller_context(wasmtime_caller_t *);
uint8_t *wasmtime_memory_data(const wasmtime_context_t *, const wasmtime_memory_t *);
size_t wasmtime_memory_data_size(const wasmtime_context_t *, const wasmtime_memory_t *);

// How things go wrong.
void wasmtime_error_delete(wasmtime_error_t *);
void wasmtime_error_message(const wasmtime_error_t *, wasm_name_t *);
void wasmtime_error_wasm_trace(const wasmtime_error_t *, wasm_frame_vec_t *);
wasm_trap_t *wasmtime_trap_new(const char *, size_t);
void wasm_trap_delete(wasm_trap_t *);
void wasm_trap_message(const wasm_trap_t *, wasm_byte_vec_t *);
void wasm_trap_trace(const wasm_trap_t *, wasm_frame_vec_t *);
bool wasmtime_trap_code(const wasm_trap_t *, uint8_t *);
void wasm_frame_vec_delete(wasm_frame_vec_t *);
uint32_t wasm_frame_func_index(const wasm_frame_t *);
size_t wasm_frame_module_offset(const wasm_frame_t *);
const wasm_name_t *wasmtime_frame_func_name(const wasm_frame_t *);

// Text format to binary, for tests.
wasmtime_error_t *wasmtime_wat2wasm(const char *text, size_t length, wasm_byte_vec_t *binary);

// A function type from letters: i = i32, I = i64. The caller deletes it.
wasm_functype_t *wm_functype_new(const char *parameters, const char *results);

// Everything an asynchronous call writes to, at an address that does not move. The calls that keep
// such addresses are made through the functions below: from Swift, the address of a union member
// would be that of a temporary copy.
typedef struct wm_frame {
  wasmtime_instance_t instance;
  wasmtime_func_t function;
  wasmtime_memory_t memory;
  wasm_trap_t *trap;
  wasmtime_error_t *error;
} wm_frame_t;

wasmtime_call_future_t *wm_frame_instantiate(
    wm_frame_t *, const wasmtime_instance_pre_t *, wasmtime_context_t *);
// False when the export of that number is no function.
bool wm_frame_find_function_at(wm_frame_t *, wasmtime_context_t *, size_t index);
wasmtime_call_future_t *wm_frame_call(wm_frame_t *, wasmtime_context_t *);
// False when the caller exports no memory named "memory".
bool wm_frame_find_memory(wm_frame_t *, wasmtime_caller_t *);
// False when the export of that number is no memory; of the instance itself, once it is made.
bool wm_frame_find_memory_at(wm_frame_t *, wasmtime_context_t *, size_t index);

// Fills a buffer from the kernel's random source.
void wm_fill_random(void *buffer, size_t size);

#endif
