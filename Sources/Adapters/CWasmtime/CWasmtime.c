#define _GNU_SOURCE
#include "CWasmtime.h"

#include <pthread.h>
#include <sys/random.h>

// The layouts of the library we were written for. A wrong size lets the library write past an end.
_Static_assert(sizeof(wasm_byte_vec_t) == 16, "wasm_byte_vec_t");
_Static_assert(sizeof(wasmtime_func_t) == 16, "wasmtime_func_t");
_Static_assert(sizeof(wasmtime_instance_t) == 16, "wasmtime_instance_t");
_Static_assert(sizeof(wasmtime_memory_t) == 24, "wasmtime_memory_t");
_Static_assert(offsetof(wasmtime_memory_t, private2) == 16, "wasmtime_memory_t.private2");
_Static_assert(sizeof(wasmtime_global_t) == 24, "wasmtime_global_t");
_Static_assert(sizeof(wasmtime_extern_union_t) == 24, "wasmtime_extern_union_t");
_Static_assert(sizeof(wasmtime_extern_t) == 32, "wasmtime_extern_t");
_Static_assert(offsetof(wasmtime_extern_t, of) == 8, "wasmtime_extern_t.of");
_Static_assert(sizeof(wasmtime_anyref_t) == 24, "wasmtime_anyref_t");
_Static_assert(sizeof(wasmtime_valunion_t) == 24, "wasmtime_valunion_t");
_Static_assert(sizeof(wasmtime_val_t) == 32, "wasmtime_val_t");
_Static_assert(offsetof(wasmtime_val_t, of) == 8, "wasmtime_val_t.of");
_Static_assert(sizeof(wasmtime_val_raw_t) == 16, "wasmtime_val_raw_t");
_Static_assert(sizeof(wasmtime_async_continuation_t) == 24, "wasmtime_async_continuation_t");

static void valtypes(wasm_valtype_vec_t *out, const char *letters) {
  wasm_valtype_t *types[16];
  size_t count = 0;
  for (; letters[count] != 0 && count < 16; count++)
    types[count] = wasm_valtype_new(letters[count] == 'I' ? 1 : 0);
  if (count == 0)
    wasm_valtype_vec_new_empty(out);
  else
    wasm_valtype_vec_new(out, count, types);
}

wasm_functype_t *wm_functype_new(const char *parameters, const char *results) {
  wasm_valtype_vec_t in, out;
  valtypes(&in, parameters);
  valtypes(&out, results);
  return wasm_functype_new(&in, &out);
}

wasmtime_call_future_t *wm_frame_instantiate(
    wm_frame_t *frame, const wasmtime_instance_pre_t *pre, wasmtime_context_t *context) {
  frame->trap = NULL;
  frame->error = NULL;
  return wasmtime_instance_pre_instantiate_async(
      pre, context, &frame->instance, &frame->trap, &frame->error);
}

static bool find_at(
    const wm_frame_t *frame, wasmtime_context_t *context, size_t index,
    wasmtime_extern_kind_t kind, wasmtime_extern_t *found) {
  char *name;
  size_t length;
  return wasmtime_instance_export_nth(context, &frame->instance, index, &name, &length, found)
      && found->kind == kind;
}

bool wm_frame_find_function_at(wm_frame_t *frame, wasmtime_context_t *context, size_t index) {
  wasmtime_extern_t found;
  if (!find_at(frame, context, index, WM_EXTERN_FUNC, &found)) return false;
  frame->function = found.of.func;
  return true;
}

wasmtime_call_future_t *wm_frame_call(wm_frame_t *frame, wasmtime_context_t *context) {
  frame->trap = NULL;
  frame->error = NULL;
  return wasmtime_func_call_async(
      context, &frame->function, NULL, 0, NULL, 0, &frame->trap, &frame->error);
}

bool wm_frame_find_memory(wm_frame_t *frame, wasmtime_caller_t *caller) {
  wasmtime_extern_t found;
  if (!wasmtime_caller_export_get(caller, "memory", 6, &found)) return false;
  if (found.kind != WM_EXTERN_MEMORY) return false;
  frame->memory = found.of.memory;
  return true;
}

bool wm_frame_find_memory_at(wm_frame_t *frame, wasmtime_context_t *context, size_t index) {
  wasmtime_extern_t found;
  if (!find_at(frame, context, index, WM_EXTERN_MEMORY, &found)) return false;
  frame->memory = found.of.memory;
  return true;
}

void wm_fill_random(void *buffer, size_t size) {
  uint8_t *place = buffer;
  while (size > 0) {
    ssize_t got = getrandom(place, size, 0);
    if (got <= 0) continue;  // Interrupted by a signal: the only way this call fails.
    place += got;
    size -= (size_t)got;
  }
}
