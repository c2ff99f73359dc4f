// What the C guests need of WASI preview 1, declared from its specification. No C library is used.
#ifndef WASMATRIX_GUEST_WASI_H
#define WASMATRIX_GUEST_WASI_H

#include <stddef.h>
#include <stdint.h>

#define WASI_IMPORT(function) \
  __attribute__((import_module("wasi_snapshot_preview1"), import_name(#function)))

typedef struct {
  uint8_t *bytes;
  size_t length;
} wasi_buffer;

WASI_IMPORT(fd_read)
uint32_t wasi_fd_read(uint32_t file, const wasi_buffer *buffers, size_t count, size_t *length);

WASI_IMPORT(fd_write)
uint32_t wasi_fd_write(uint32_t file, const wasi_buffer *buffers, size_t count, size_t *length);

WASI_IMPORT(proc_exit)
_Noreturn void wasi_proc_exit(uint32_t status);

WASI_IMPORT(poll_oneoff)
uint32_t wasi_poll_oneoff(const void *subscriptions, void *events, size_t count, size_t *ready);

enum { wasi_input = 0, wasi_output = 1, wasi_error = 2 };

// Reads at most `capacity` bytes of the standard input; 0 at its end. Exits when reading fails.
static inline size_t wasi_read(uint8_t *bytes, size_t capacity) {
  wasi_buffer buffer = {bytes, capacity};
  size_t length = 0;
  if (wasi_fd_read(wasi_input, &buffer, 1, &length) != 0) wasi_proc_exit(74);
  return length;
}

// Writes all bytes, however many pieces it takes. Exits when writing fails.
static inline void wasi_write(uint32_t file, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    wasi_buffer buffer = {(uint8_t *)bytes, length};
    size_t written = 0;
    if (wasi_fd_write(file, &buffer, 1, &written) != 0) wasi_proc_exit(74);
    bytes += written;
    length -= written;
  }
}

#endif
