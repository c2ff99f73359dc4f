#ifndef CSANDBOX_PRIVATE_H
#define CSANDBOX_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "csandbox.h"
#include "library.h"

enum { cs_ways = 3 };

struct cs_engine {
  wasm_engine_t *library;
  cs_settings settings;
  pthread_t ticker;
  atomic_bool stopping;
  // Made when a module of that way is linked first; one thread links.
  wasmtime_linker_t *linkers[cs_ways];
};

struct cs_module {
  cs_engine *engine;
  wasmtime_module_t *module;
  wasmtime_instance_pre_t *pre;
  cs_way way;
  // Where "_start" and "memory" are among the exports.
  size_t start, memory;
  bool has_imports;
};

// What the host functions find in the store: input, output, the memory of the guest.
typedef struct cs_guest {
  const uint8_t *input;
  size_t input_length;
  uint8_t *output;
  size_t capacity, output_length;
  wasmtime_memory_t memory;
  bool has_memory, is_done, is_waiting;
} cs_guest;

_Noreturn void cs_fail(const char *what, wasmtime_error_t *error);
void cs_check(const char *what, wasmtime_error_t *error);

// Defines fd_read, fd_write, poll_oneoff and proc_exit, or the library's own WASI.
wasmtime_linker_t *cs_linker_new(cs_engine *engine, cs_way way);
// Links a compiled module, which belongs to what is returned.
cs_module *cs_module_link(cs_engine *engine, wasmtime_module_t *module, cs_way way);

wasmtime_store_t *cs_store_new(const cs_module *module, cs_guest *guest);
// Runs one fresh instance from its store to the end of the store; false when it did not end well.
bool cs_run_one(const cs_module *module, cs_guest *guest);

#endif
