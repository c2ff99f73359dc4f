// Holds MEBIBYTES of memory until it is told to end, as a service.
#include "wasi.h"

static uint8_t byte;

void _start(void) {
  for (size_t page = __builtin_wasm_memory_grow(0, MEBIBYTES * 16), end = page + MEBIBYTES * 16;
       page < end; page++) {
    for (size_t at = 0; at < 65536; at += 4096) *(volatile uint8_t *)(page * 65536 + at) = 1;
  }
  while (wasi_read(&byte, 1) > 0) {}
}
