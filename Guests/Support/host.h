// How a guest asks the platform, without a library: a request a line, an answer a line, on the descriptor
// that WASMATRIX_HOST_FD names. See docs/CAPABILITIES.md.
#ifndef WASMATRIX_GUEST_HOST_H
#define WASMATRIX_GUEST_HOST_H

#include "wasi.h"

// The descriptor of modules that are granted no folder, which would come before it.
enum { wasi_host = 3, host_line = 4096 };

// A line that is being made.
typedef struct {
  uint8_t bytes[host_line];
  size_t length;
} host_text;

static inline void host_append(host_text *text, const char *piece) {
  while (*piece && text->length < host_line) text->bytes[text->length++] = (uint8_t)*piece++;
}

// Appends bytes as the inside of a JSON text; `?` for what is not printable ASCII.
static inline void host_append_quoted(host_text *text, const uint8_t *bytes, size_t length) {
  for (size_t index = 0; index < length && text->length + 2 < host_line; index++) {
    uint8_t byte = bytes[index];
    if (byte == '"' || byte == '\\') text->bytes[text->length++] = '\\';
    text->bytes[text->length++] = byte >= 0x20 && byte < 0x7f ? byte : '?';
  }
}

// Sends a request, and reads its answer into the same text. Whether it was not refused.
static inline int host_ask(host_text *text) {
  host_append(text, "\n");
  wasi_write(wasi_host, text->bytes, text->length);
  text->length = 0;
  while (text->length < host_line) {
    wasi_buffer buffer = {text->bytes + text->length, host_line - text->length};
    size_t length = 0;
    if (wasi_fd_read(wasi_host, &buffer, 1, &length) != 0 || length == 0) break;
    text->length += length;
    if (text->bytes[text->length - 1] == '\n') break;
  }
  static const char refused[] = "{\"error\"";
  if (text->length < sizeof refused - 1) return text->length > 0;
  for (size_t index = 0; index < sizeof refused - 1; index++) {
    if (text->bytes[index] != (uint8_t)refused[index]) return 1;
  }
  return 0;
}

#endif
