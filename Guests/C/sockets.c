// Tries every call for sockets on its standard input and on a descriptor that is none, and writes the
// error numbers. No cluster takes it: it imports what no module can have.
#include "wasi.h"

WASI_IMPORT(sock_accept) uint32_t wasi_sock_accept(uint32_t socket, uint32_t flags, uint32_t *file);
WASI_IMPORT(sock_recv)
uint32_t wasi_sock_recv(
    uint32_t socket, const wasi_buffer *buffers, size_t count, uint32_t flags, size_t *length, uint32_t *out);
WASI_IMPORT(sock_send)
uint32_t wasi_sock_send(
    uint32_t socket, const wasi_buffer *buffers, size_t count, uint32_t flags, size_t *length);
WASI_IMPORT(sock_shutdown) uint32_t wasi_sock_shutdown(uint32_t socket, uint32_t how);

static void put(uint32_t number) {
  uint8_t text[3] = {(uint8_t)('0' + number / 10), (uint8_t)('0' + number % 10), ' '};
  wasi_write(wasi_output, text, sizeof text);
}

void _start(void) {
  static const uint32_t sockets[] = {wasi_input, 77};
  uint8_t byte = 0;
  wasi_buffer buffer = {&byte, 1};
  for (size_t index = 0; index < 2; index++) {
    uint32_t file = 0, flags = 0;
    size_t length = 0;
    put(wasi_sock_accept(sockets[index], 0, &file));
    put(wasi_sock_recv(sockets[index], &buffer, 1, 0, &length, &flags));
    put(wasi_sock_send(sockets[index], &buffer, 1, 0, &length));
    put(wasi_sock_shutdown(sockets[index], 0));
  }
}
