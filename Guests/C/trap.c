// Traps at once.
#include "wasi.h"

void _start(void) {
  static const char message[] = "about to trap\n";
  wasi_write(wasi_error, (const uint8_t *)message, sizeof message - 1);
  __builtin_trap();
}
