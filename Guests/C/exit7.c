// Says why, and ends with the exit status 7.
#include "wasi.h"

void _start(void) {
  static const char message[] = "no reason, status 7\n";
  wasi_write(wasi_error, (const uint8_t *)message, sizeof message - 1);
  wasi_proc_exit(7);
}
