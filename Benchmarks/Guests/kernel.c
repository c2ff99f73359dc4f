// A kernel as a guest: KERNEL(ROUNDS), and its result as eight bytes on standard output.
#include "kernels.h"
#include "wasi.h"

void _start(void) {
  uint64_t result = KERNEL(ROUNDS);
  wasi_write(wasi_output, (const uint8_t *)&result, sizeof result);
}
