// Writes to its standard output and never ends.
#include "wasi.h"

static uint8_t line[4096];

void _start(void) {
  for (size_t index = 0; index < sizeof line; index++) line[index] = 'x';
  line[sizeof line - 1] = '\n';
  for (;;) wasi_write(wasi_output, line, sizeof line);
}
