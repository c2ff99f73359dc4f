// The four functions of WASI preview 1 that the guests of the benchmark import, as small as they can be
// while what a guest says is checked.
#include <string.h>

#include "private.h"

typedef struct { uint32_t address, length; } vector;

typedef struct { cs_guest *guest; uint8_t *base; size_t size; } view;

static inline view view_of(wasmtime_caller_t *caller) {
  wasmtime_context_t *context = wasmtime_caller_context(caller);
  cs_guest *guest = wasmtime_context_get_data(context);
  if (!guest->has_memory) {
    wasmtime_extern_t found;
    if (!wasmtime_caller_export_get(caller, "memory", 6, &found)) return (view){guest, NULL, 0};
    guest->memory = found.of.memory;
    guest->has_memory = true;
  }
  return (view){
      guest, wasmtime_memory_data(context, &guest->memory),
      wasmtime_memory_data_size(context, &guest->memory)};
}

static inline uint8_t *at(view view, uint32_t address, size_t length) {
  if (length > view.size || address > view.size - length) return NULL;
  return view.base + address;
}

enum { success = 0, bad_descriptor = 8, fault = 21, invalid = 28 };

static uint32_t read_input(view view, const wasmtime_val_raw_t *values) {
  if (values[0].i32 != 0) return bad_descriptor;
  size_t count = (uint32_t)values[2].i32;
  uint8_t *list = at(view, values[1].i32, count * sizeof(vector));
  uint8_t *result = at(view, values[3].i32, 4);
  if (!list || !result) return fault;
  uint32_t sum = 0;
  for (size_t index = 0; index < count; index++) {
    vector vector;
    memcpy(&vector, list + index * sizeof vector, sizeof vector);
    uint8_t *place = at(view, vector.address, vector.length);
    if (!place) return fault;
    size_t length = view.guest->input_length < vector.length ? view.guest->input_length : vector.length;
    memcpy(place, view.guest->input, length);
    view.guest->input += length;
    view.guest->input_length -= length;
    sum += (uint32_t)length;
    if (length < vector.length) break;
  }
  memcpy(result, &sum, 4);
  return success;
}

static uint32_t write_output(view view, const wasmtime_val_raw_t *values) {
  if (values[0].i32 != 1 && values[0].i32 != 2) return bad_descriptor;
  size_t count = (uint32_t)values[2].i32;
  uint8_t *list = at(view, values[1].i32, count * sizeof(vector));
  uint8_t *result = at(view, values[3].i32, 4);
  if (!list || !result) return fault;
  uint32_t sum = 0;
  for (size_t index = 0; index < count; index++) {
    vector vector;
    memcpy(&vector, list + index * sizeof vector, sizeof vector);
    uint8_t *bytes = at(view, vector.address, vector.length);
    if (!bytes) return fault;
    if (vector.length > view.guest->capacity - view.guest->output_length) return invalid;
    memcpy(view.guest->output + view.guest->output_length, bytes, vector.length);
    view.guest->output_length += vector.length;
    sum += vector.length;
  }
  memcpy(result, &sum, 4);
  return success;
}

static wasm_trap_t *fd_read(
    void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  (void)env, (void)count;
  values[0].i32 = (int32_t)read_input(view_of(caller), values);
  return NULL;
}

static wasm_trap_t *fd_write(
    void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  (void)env, (void)count;
  values[0].i32 = (int32_t)write_output(view_of(caller), values);
  return NULL;
}

static wasm_trap_t *proc_exit(
    void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  (void)env, (void)count;
  cs_guest *guest = wasmtime_context_get_data(wasmtime_caller_context(caller));
  guest->is_done = values[0].i32 == 0;
  return wasmtime_trap_new("exit", 4);
}

static bool waits_for_ever(void *env) {
  (void)env;
  return false;
}

static void poll_oneoff(
    void *env, wasmtime_caller_t *caller, const wasmtime_val_t *arguments, size_t argument_count,
    wasmtime_val_t *results, size_t result_count, wasm_trap_t **trap,
    wasmtime_async_continuation_t *continuation) {
  (void)env, (void)arguments, (void)argument_count, (void)result_count, (void)trap;
  cs_guest *guest = wasmtime_context_get_data(wasmtime_caller_context(caller));
  guest->is_waiting = true;
  results[0].kind = 0;
  results[0].of.i32 = 0;
  continuation->callback = waits_for_ever;
}

static wasm_trap_t *poll_never(
    void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
  (void)env, (void)caller, (void)count;
  values[0].i32 = invalid;
  return NULL;
}

static void define(
    wasmtime_linker_t *linker, const char *name, const char *parameters, const char *results,
    wasmtime_func_unchecked_callback_t body) {
  wasm_functype_t *type = wm_functype_new(parameters, results);
  cs_check(name, wasmtime_linker_define_func_unchecked(
      linker, "wasi_snapshot_preview1", 22, name, strlen(name), type, body, NULL, NULL));
  wasm_functype_delete(type);
}

wasmtime_linker_t *cs_linker_new(cs_engine *engine, cs_way way) {
  wasmtime_linker_t *linker = wasmtime_linker_new(engine->library);
  if (way == cs_way_builtin) {
    cs_check("WASI", wasmtime_linker_define_wasi(linker));
    return linker;
  }
  define(linker, "fd_read", "iiii", "i", fd_read);
  define(linker, "fd_write", "iiii", "i", fd_write);
  define(linker, "proc_exit", "i", "", proc_exit);
  if (way == cs_way_fiber) {
    wasm_functype_t *type = wm_functype_new("iiii", "i");
    cs_check("poll_oneoff", wasmtime_linker_define_async_func(
        linker, "wasi_snapshot_preview1", 22, "poll_oneoff", 11, type, poll_oneoff, NULL, NULL));
    wasm_functype_delete(type);
  } else {
    define(linker, "poll_oneoff", "iiii", "i", poll_never);
  }
  return linker;
}
