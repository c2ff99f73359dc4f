// Gives back what it is given.
#include "wasi.h"

static uint8_t bytes[65536];

void _start(void) {
  for (size_t length; (length = wasi_read(bytes, sizeof bytes)) > 0;) {
    wasi_write(wasi_output, bytes, length);
  }
}
