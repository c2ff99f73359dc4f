// What only the C program calls of Wasmtime's C API, beside what CWasmtime.h declares.
#ifndef CSANDBOX_LIBRARY_H
#define CSANDBOX_LIBRARY_H

#include <CWasmtime.h>
#include <sys/types.h>

typedef struct wasi_config_t wasi_config_t;
wasi_config_t *wasi_config_new(void);
void wasi_config_set_stdin_bytes(wasi_config_t *, wasm_byte_vec_t *);
void wasi_config_set_stdout_custom(
    wasi_config_t *, ssize_t (*)(void *, const unsigned char *, size_t), void *, void (*)(void *));
wasmtime_error_t *wasmtime_context_set_wasi(wasmtime_context_t *, wasi_config_t *);
wasmtime_error_t *wasmtime_linker_define_wasi(wasmtime_linker_t *);
wasmtime_error_t *wasmtime_instance_pre_instantiate(
    const wasmtime_instance_pre_t *, wasmtime_context_t *, wasmtime_instance_t *, wasm_trap_t **);
wasmtime_error_t *wasmtime_func_call_unchecked(
    wasmtime_context_t *, const wasmtime_func_t *, wasmtime_val_raw_t *, size_t, wasm_trap_t **);
bool wasmtime_error_exit_status(const wasmtime_error_t *, int *);
void wasm_byte_vec_new_uninitialized(wasm_byte_vec_t *, size_t);

#endif
