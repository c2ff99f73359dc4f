// The sandbox as a C program would have it: Wasmtime's C API, called as directly as it can be. What the
// Swift engine is held against. Flags: see Benchmarks/Package.swift.
#ifndef CSANDBOX_H
#define CSANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cs_engine cs_engine;
typedef struct cs_module cs_module;

typedef struct cs_settings {
  uint32_t slots;
  size_t resident, guest_stack, fiber_stack;
  bool has_epochs;
  // Cranelift without optimisation, and the single-pass register allocator; no pool then.
  bool is_quick;
} cs_settings;

// How an instance is run.
typedef enum cs_way {
  // On a fiber, with an epoch that brings it back and a limiter: by the calls that the Swift engine makes.
  cs_way_fiber,
  // Plain calls: nothing can interrupt the guest for another.
  cs_way_plain,
  // Plain calls, and the library's own WASI with standard input and output as the API offers them.
  cs_way_builtin,
} cs_way;

// All of them abort with a message when the library refuses: nothing that is measured means anything then.
cs_engine *cs_engine_new(cs_settings settings);
void cs_engine_delete(cs_engine *engine);

cs_module *cs_module_new(cs_engine *engine, const uint8_t *wasm, size_t length, cs_way way);
void cs_module_delete(cs_module *module);

// Runs fresh instances one after the other, each from its store to the end of the store. Writes the
// nanoseconds from the end of one to the end of the next, and what the last one wrote.
// Returns how many did not end well.
size_t cs_run(
    cs_module *module, const uint8_t *input, size_t input_length, size_t count, int64_t *times,
    uint8_t *output, size_t capacity, size_t *output_length);

// The same on so many threads at once; returns runs a second.
double cs_throughput(
    cs_module *module, const uint8_t *input, size_t input_length, size_t threads, size_t count);

// Handed over to a thread that sleeps until there is something to do, and waited for; without `module`
// nothing is run there.
void cs_hand_over(
    cs_module *module, const uint8_t *input, size_t input_length, size_t count, int64_t *times);

// Makes instances that wait in poll_oneoff, and keeps them.
void cs_suspend(cs_module *module, size_t count);

// Writes what `module` compiles to into a file, behind an HMAC-SHA256 of it.
void cs_artefact_keep(cs_module *module, const char *path, const uint8_t *key, size_t key_length);

// From the file to the first result and everything gone again: read, verified, loaded, linked, run.
size_t cs_artefact_run(
    cs_engine *engine, const char *path, const uint8_t *key, size_t key_length, size_t count,
    int64_t *times);

// What a module takes to be compiled, nanoseconds.
int64_t cs_compile(cs_engine *engine, const uint8_t *wasm, size_t length);

// Monotonic nanoseconds.
int64_t cs_clock(void);

// Keeps the calling thread on the nth (from 0) of the processors that the process may use, counted on and on; lets it
// run on any of them again when nth is negative. What cannot be done is left: it only makes the numbers noisier.
void cs_pin(int nth);

#endif
