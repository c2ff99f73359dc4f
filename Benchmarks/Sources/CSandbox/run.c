#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

// What each guest of the benchmark may hold at most.
static const int64_t most_memory = 128 << 20;

static ssize_t take_output(void *data, const unsigned char *bytes, size_t length) {
  cs_guest *guest = data;
  if (length > guest->capacity - guest->output_length) return -1;
  memcpy(guest->output + guest->output_length, bytes, length);
  guest->output_length += length;
  return (ssize_t)length;
}

static void give_wasi(wasmtime_context_t *context, cs_guest *guest) {
  wasi_config_t *config = wasi_config_new();
  wasm_byte_vec_t input;
  wasm_byte_vec_new_uninitialized(&input, guest->input_length);
  memcpy(input.data, guest->input, guest->input_length);
  wasi_config_set_stdin_bytes(config, &input);
  wasi_config_set_stdout_custom(config, take_output, guest, NULL);
  cs_check("WASI", wasmtime_context_set_wasi(context, config));
}

wasmtime_store_t *cs_store_new(const cs_module *module, cs_guest *guest) {
  wasmtime_store_t *store = wasmtime_store_new(module->engine->library, guest, NULL);
  wasmtime_context_t *context = wasmtime_store_context(store);
  wasmtime_store_limiter(store, most_memory, 65536, 1, 4, 4);
  if (module->engine->settings.has_epochs) {
    if (module->way == cs_way_fiber) {
      wasmtime_context_set_epoch_deadline(context, 1);
      wasmtime_context_epoch_deadline_async_yield_and_update(context, 1);
    } else {
      // Nothing but a trap could end it: after an hour.
      wasmtime_context_set_epoch_deadline(context, 3600000);
    }
  }
  if (module->way == cs_way_builtin) give_wasi(context, guest);
  return store;
}

// Whether the guest ended well; what the library said is released.
static bool ended_well(const cs_guest *guest, wasm_trap_t *trap, wasmtime_error_t *error) {
  int status = 1;
  if (error) {
    wasmtime_error_exit_status(error, &status);
    if (!guest->is_done && status != 0) cs_fail("a run", error);
    wasmtime_error_delete(error);
  } else if (trap) {
    wasm_byte_vec_t message;
    wasm_trap_message(trap, &message);
    if (!guest->is_done) fprintf(stderr, "error: a trap: %s\n", (const char *)message.data);
    wasm_byte_vec_delete(&message);
    wasm_trap_delete(trap);
    return guest->is_done;
  }
  return true;
}

static bool find_start(
    const cs_module *module, wasmtime_context_t *context, const wasmtime_instance_t *instance,
    wasmtime_extern_t *found) {
  char *name;
  size_t length;
  return wasmtime_instance_export_nth(context, instance, module->start, &name, &length, found)
      && found->kind == WM_EXTERN_FUNC;
}

static void finish(wasmtime_call_future_t *future) {
  while (!wasmtime_call_future_poll(future)) {}
  wasmtime_call_future_delete(future);
}

static bool run_on_fiber(const cs_module *module, wasmtime_context_t *context, cs_guest *guest) {
  wasmtime_instance_t instance;
  wasm_trap_t *trap = NULL;
  wasmtime_error_t *error = NULL;
  finish(wasmtime_instance_pre_instantiate_async(module->pre, context, &instance, &trap, &error));
  wasmtime_extern_t start;
  if (!trap && !error && find_start(module, context, &instance, &start))
    finish(wasmtime_func_call_async(context, &start.of.func, NULL, 0, NULL, 0, &trap, &error));
  return ended_well(guest, trap, error);
}

static bool run_plainly(const cs_module *module, wasmtime_context_t *context, cs_guest *guest) {
  wasmtime_instance_t instance;
  wasm_trap_t *trap = NULL;
  wasmtime_error_t *error =
      wasmtime_instance_pre_instantiate(module->pre, context, &instance, &trap);
  wasmtime_extern_t start;
  if (!trap && !error && find_start(module, context, &instance, &start)) {
    wasmtime_val_raw_t none;
    error = wasmtime_func_call_unchecked(context, &start.of.func, &none, 0, &trap);
  }
  return ended_well(guest, trap, error);
}

bool cs_run_one(const cs_module *module, cs_guest *guest) {
  wasmtime_store_t *store = cs_store_new(module, guest);
  wasmtime_context_t *context = wasmtime_store_context(store);
  bool is_fiber = module->way == cs_way_fiber;
  bool is_well = (is_fiber ? run_on_fiber : run_plainly)(module, context, guest);
  wasmtime_store_delete(store);
  return is_well;
}

size_t cs_run(
    cs_module *module, const uint8_t *input, size_t input_length, size_t count, int64_t *times,
    uint8_t *output, size_t capacity, size_t *output_length) {
  size_t failed = 0;
  int64_t before = cs_clock();
  for (size_t index = 0; index < count; index++) {
    cs_guest guest = {
        .input = input, .input_length = input_length, .output = output, .capacity = capacity};
    if (!cs_run_one(module, &guest)) failed++;
    *output_length = guest.output_length;
    int64_t now = cs_clock();
    times[index] = now - before;
    before = now;
  }
  return failed;
}

// What each thread of a throughput does.
typedef struct { cs_module *module; const uint8_t *input; size_t input_length, count, failed; } share;

static void *run_share(void *argument) {
  share *share = argument;
  uint8_t output[4096];
  for (size_t index = 0; index < share->count; index++) {
    cs_guest guest = {
        .input = share->input, .input_length = share->input_length, .output = output,
        .capacity = sizeof output};
    if (!cs_run_one(share->module, &guest)) share->failed++;
  }
  return NULL;
}

double cs_throughput(
    cs_module *module, const uint8_t *input, size_t input_length, size_t threads, size_t count) {
  pthread_t others[64];
  share shares[64];
  if (threads < 1 || threads > 64) cs_fail("1 to 64 threads", NULL);
  int64_t start = cs_clock();
  for (size_t index = 0; index < threads; index++) {
    shares[index] = (share){module, input, input_length, count / threads, 0};
    if (pthread_create(&others[index], NULL, run_share, &shares[index]) != 0)
      cs_fail("no thread", NULL);
  }
  for (size_t index = 0; index < threads; index++) {
    pthread_join(others[index], NULL);
    if (shares[index].failed) cs_fail("a run did not end well", NULL);
  }
  return (double)(count / threads * threads) * 1e9 / (double)(cs_clock() - start);
}

void cs_suspend(cs_module *module, size_t count) {
  for (size_t index = 0; index < count; index++) {
    struct kept { cs_guest guest; wasmtime_instance_t instance; wasm_trap_t *trap; wasmtime_error_t *error; };
    struct kept *kept = calloc(1, sizeof *kept);
    kept->guest.input = (const uint8_t *)"3600000";
    kept->guest.input_length = 7;
    wasmtime_context_t *context = wasmtime_store_context(cs_store_new(module, &kept->guest));
    finish(wasmtime_instance_pre_instantiate_async(
        module->pre, context, &kept->instance, &kept->trap, &kept->error));
    wasmtime_extern_t start;
    if (kept->trap || kept->error || !find_start(module, context, &kept->instance, &start))
      cs_fail("an instance that waits", kept->error);
    // The call reads the handle while it is made, and no more after that.
    wasmtime_call_future_t *future = wasmtime_func_call_async(
        context, &start.of.func, NULL, 0, NULL, 0, &kept->trap, &kept->error);
    while (!kept->guest.is_waiting) {
      if (wasmtime_call_future_poll(future)) cs_fail("it does not wait", kept->error);
    }
  }
}
