// Takes memory and uses every page of it until there is no more, then traps.
#include <stddef.h>
#include <stdint.h>

enum { page = 65536, pages_at_a_time = 16 };

void _start(void) {
  for (;;) {
    size_t before = __builtin_wasm_memory_grow(0, pages_at_a_time);
    if (before == SIZE_MAX) __builtin_trap();
    for (size_t index = 0; index < pages_at_a_time; index++) {
      for (size_t offset = 0; offset < page; offset += 4096) {
        *(volatile uint8_t *)((before + index) * page + offset) = 1;
      }
    }
  }
}
