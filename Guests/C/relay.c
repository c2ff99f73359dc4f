// Hands each line of its input to the platform as a request, and gives back the answers. A request that begins with '!' must
// not be refused: if it is, this fails.
#include "host.h"

static host_text text;
static uint8_t input[65536];

void _start(void) {
  size_t length = 0, got;
  while (length < sizeof input && (got = wasi_read(input + length, sizeof input - length)) > 0) {
    length += got;
  }
  for (size_t index = 0; index < length;) {
    text.length = 0;
    int must_succeed = input[index] == '!';
    if (must_succeed) index++;
    while (index < length && input[index] != '\n' && text.length + 1 < host_line) {
      text.bytes[text.length++] = input[index++];
    }
    if (index < length && input[index] == '\n') index++;
    if (text.length == 0) continue;
    int is_done = host_ask(&text);
    wasi_write(wasi_output, text.bytes, text.length);
    if (must_succeed && !is_done) wasi_proc_exit(1);
  }
}
