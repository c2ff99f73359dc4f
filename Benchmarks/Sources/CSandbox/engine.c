#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "private.h"

void cs_fail(const char *what, wasmtime_error_t *error) {
  wasm_name_t message = {0};
  if (error) wasmtime_error_message(error, &message);
  fprintf(stderr, "error: %s: %.*s\n", what, (int)message.size, (const char *)message.data);
  abort();
}

void cs_check(const char *what, wasmtime_error_t *error) {
  if (error) cs_fail(what, error);
}

int64_t cs_clock(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// Raises the epoch every millisecond, as the ticker of the Swift engine does.
static void *tick(void *argument) {
  cs_engine *engine = argument;
  while (!atomic_load_explicit(&engine->stopping, memory_order_relaxed)) {
    struct timespec time = {.tv_nsec = 1000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    wasmtime_engine_increment_epoch(engine->library);
  }
  return NULL;
}

static void set_pool(wasm_config_t *config, const cs_settings *settings) {
  wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
#define SET(name, value) wasmtime_pooling_allocation_config_##name##_set(pool, value)
  SET(total_core_instances, settings->slots);
  SET(total_memories, settings->slots);
  SET(total_stacks, settings->slots);
  SET(total_tables, settings->slots);
  SET(max_memories_per_module, 1);
  SET(max_tables_per_module, 1);
  SET(table_elements, 65536);
  SET(max_memory_size, (size_t)4 << 30);
  SET(linear_memory_keep_resident, settings->resident);
  SET(table_keep_resident, 4096);
  SET(async_stack_keep_resident, 16 << 10);
#undef SET
  wasmtime_pooling_allocation_strategy_set(config, pool);
  wasmtime_pooling_allocation_config_delete(pool);
}

cs_engine *cs_engine_new(cs_settings settings) {
  cs_engine *engine = calloc(1, sizeof *engine);
  engine->settings = settings;
  wasm_config_t *config = wasm_config_new();
  wasmtime_config_strategy_set(config, WM_STRATEGY_CRANELIFT);
  wasmtime_config_parallel_compilation_set(config, false);
  wasmtime_config_epoch_interruption_set(config, settings.has_epochs);
  wasmtime_config_max_wasm_stack_set(config, settings.guest_stack);
  wasmtime_config_async_stack_size_set(config, settings.fiber_stack);
  wasmtime_config_wasm_threads_set(config, false);
  wasmtime_config_shared_memory_set(config, false);
  wasmtime_config_wasm_memory64_set(config, false);
  wasmtime_config_wasm_gc_set(config, false);
  wasmtime_config_gc_support_set(config, false);
  wasmtime_config_wasm_exceptions_set(config, false);
  wasmtime_config_wasm_function_references_set(config, false);
  if (settings.is_quick) {
    wasmtime_config_cranelift_opt_level_set(config, WM_OPT_LEVEL_NONE);
    wasmtime_config_cranelift_regalloc_algorithm_set(config, WM_REGALLOC_SINGLE_PASS);
  } else {
    wasmtime_config_cranelift_opt_level_set(config, WM_OPT_LEVEL_SPEED);
    set_pool(config, &settings);
  }
  engine->library = wasm_engine_new_with_config(config);
  if (!engine->library) cs_fail("no engine", NULL);
  if (settings.has_epochs && pthread_create(&engine->ticker, NULL, tick, engine) != 0)
    cs_fail("no thread", NULL);
  return engine;
}

void cs_engine_delete(cs_engine *engine) {
  atomic_store(&engine->stopping, true);
  if (engine->settings.has_epochs) pthread_join(engine->ticker, NULL);
  for (size_t way = 0; way < cs_ways; way++)
    if (engine->linkers[way]) wasmtime_linker_delete(engine->linkers[way]);
  wasm_engine_delete(engine->library);
  free(engine);
}

// Where an export is, so that no instance has to look for its name.
static size_t find_export(const wasmtime_module_t *module, const char *wanted) {
  wasm_exporttype_vec_t exports;
  wasmtime_module_exports(module, &exports);
  size_t found = SIZE_MAX;
  for (size_t index = 0; index < exports.size; index++) {
    const wasm_name_t *name = wasm_exporttype_name(exports.data[index]);
    if (name->size == strlen(wanted) && memcmp(name->data, wanted, name->size) == 0) found = index;
  }
  wasm_exporttype_vec_delete(&exports);
  return found;
}

cs_module *cs_module_link(cs_engine *engine, wasmtime_module_t *compiled, cs_way way) {
  cs_module *module = calloc(1, sizeof *module);
  module->engine = engine;
  module->module = compiled;
  module->way = way;
  module->start = find_export(compiled, "_start");
  module->memory = find_export(compiled, "memory");
  if (module->start == SIZE_MAX) cs_fail("no _start", NULL);
  wasm_importtype_vec_t imports;
  wasmtime_module_imports(compiled, &imports);
  module->has_imports = imports.size > 0;
  wasm_importtype_vec_delete(&imports);
  if (!engine->linkers[way]) engine->linkers[way] = cs_linker_new(engine, way);
  cs_check("linking", wasmtime_linker_instantiate_pre(engine->linkers[way], compiled, &module->pre));
  return module;
}

cs_module *cs_module_new(cs_engine *engine, const uint8_t *wasm, size_t length, cs_way way) {
  wasmtime_module_t *compiled;
  cs_check("compiling", wasmtime_module_new(engine->library, wasm, length, &compiled));
  return cs_module_link(engine, compiled, way);
}

void cs_module_delete(cs_module *module) {
  wasmtime_instance_pre_delete(module->pre);
  wasmtime_module_delete(module->module);
  free(module);
}

int64_t cs_compile(cs_engine *engine, const uint8_t *wasm, size_t length) {
  wasmtime_module_t *compiled;
  int64_t start = cs_clock();
  cs_check("compiling", wasmtime_module_new(engine->library, wasm, length, &compiled));
  int64_t time = cs_clock() - start;
  wasmtime_module_delete(compiled);
  return time;
}
