// Gives back what it is given with the letters a to z in upper case, piece by piece.
#include "wasi.h"

static uint8_t bytes[4096];

void _start(void) {
  for (size_t length; (length = wasi_read(bytes, sizeof bytes)) > 0;) {
    for (size_t index = 0; index < length; index++) {
      if (bytes[index] >= 'a' && bytes[index] <= 'z') bytes[index] -= 'a' - 'A';
    }
    wasi_write(wasi_output, bytes, length);
  }
}
