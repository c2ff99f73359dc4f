// Datagrams: many at a time, addresses as bytes.
#ifndef CHEARTBEATLINK_H
#define CHEARTBEATLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An address of IPv4 or IPv6 with its port, as the system takes it.
struct hl_address {
  uint8_t bytes[28];
  uint32_t length;
};

enum { HL_HOST_SIZE = 64 };

// Finds the address of a host; names are looked up, which may take long. Returns NULL, or what is
// wrong, as text that stays.
const char *hl_resolve(const char *host, uint16_t port, struct hl_address *address);

// Writes an address as text.
bool hl_format(const struct hl_address *address, char host[HL_HOST_SIZE], uint16_t *port);

// Opens a socket for datagrams of the family of an address, bound to it if so wanted. Returns 0 or
// errno. Nothing blocks on it.
int hl_open(const struct hl_address *address, bool is_bound, int *descriptor);

// The address that a socket is bound to. Returns 0 or errno.
int hl_bound_address(int descriptor, struct hl_address *address);

// Makes something that wakes hl_wait once hl_wake was called. Returns 0 or errno.
int hl_make_waker(int *descriptor);
void hl_wake(int waker);

// Waits until something has arrived, the waker was woken, or so many milliseconds have passed (-1:
// no bound). Whether something has arrived.
bool hl_wait(int descriptor, int waker, int milliseconds);

// Takes up to `slots` datagrams, each into its slot of `slot_size` bytes. A length above `slot_size`
// says that the datagram was longer. Returns how many.
int hl_receive(int descriptor, uint8_t *buffer, size_t slot_size, int slots, size_t *lengths,
               struct hl_address *senders);

// Returns 0 or errno; EAGAIN when there is no room now.
int hl_send(int descriptor, const uint8_t *bytes, size_t count, const struct hl_address *address);

#endif
