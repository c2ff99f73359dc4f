#define _GNU_SOURCE
#include "CHeartbeatLink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_SLOTS = 64 };
// What the kernel may keep until it is read: heartbeats of 10,000 nodes within a few milliseconds.
enum { RECEIVE_BUFFER = 4 << 20 };

const char *hl_resolve(const char *host, uint16_t port, struct hl_address *address) {
  char service[8];
  snprintf(service, sizeof service, "%u", port);
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  int problem = getaddrinfo(host, service, &hints, &found);
  if (problem != 0) return gai_strerror(problem);
  const char *answer = "it has no address of IPv4 or IPv6";
  for (struct addrinfo *each = found; each != NULL; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    if (each->ai_addrlen > sizeof address->bytes) continue;
    memset(address, 0, sizeof *address);
    memcpy(address->bytes, each->ai_addr, each->ai_addrlen);
    address->length = each->ai_addrlen;
    answer = NULL;
    break;
  }
  freeaddrinfo(found);
  return answer;
}

bool hl_format(const struct hl_address *address, char host[HL_HOST_SIZE], uint16_t *port) {
  struct sockaddr_storage storage;
  memset(&storage, 0, sizeof storage);
  memcpy(&storage, address->bytes, sizeof address->bytes);
  char service[8];
  if (getnameinfo((struct sockaddr *)&storage, address->length, host, HL_HOST_SIZE, service,
                  sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return false;
  unsigned number;
  if (sscanf(service, "%u", &number) != 1) return false;
  *port = (uint16_t)number;
  return true;
}

int hl_open(const struct hl_address *address, bool is_bound, int *descriptor) {
  struct sockaddr_storage storage;
  memset(&storage, 0, sizeof storage);
  memcpy(&storage, address->bytes, sizeof address->bytes);
  int opened = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (opened < 0) return errno;
  int size = RECEIVE_BUFFER;
  // As much of it as the system allows.
  setsockopt(opened, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (is_bound && bind(opened, (struct sockaddr *)&storage, address->length) != 0) {
    int problem = errno;
    close(opened);
    return problem;
  }
  *descriptor = opened;
  return 0;
}

int hl_bound_address(int descriptor, struct hl_address *address) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (getsockname(descriptor, (struct sockaddr *)&storage, &length) != 0) return errno;
  if (length > sizeof address->bytes) return EAFNOSUPPORT;
  memset(address, 0, sizeof *address);
  memcpy(address->bytes, &storage, length);
  address->length = length;
  return 0;
}

int hl_make_waker(int *descriptor) {
  *descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return *descriptor < 0 ? errno : 0;
}

void hl_wake(int waker) { eventfd_write(waker, 1); }

bool hl_wait(int descriptor, int waker, int milliseconds) {
  struct pollfd both[2] = {{.fd = descriptor, .events = POLLIN}, {.fd = waker, .events = POLLIN}};
  if (poll(both, 2, milliseconds) <= 0) return false;
  if (both[1].revents != 0) {
    eventfd_t count;
    eventfd_read(waker, &count);
  }
  return both[0].revents != 0;
}

int hl_receive(int descriptor, uint8_t *buffer, size_t slot_size, int slots, size_t *lengths,
               struct hl_address *senders) {
  struct mmsghdr messages[MOST_SLOTS];
  struct iovec pieces[MOST_SLOTS];
  struct sockaddr_storage names[MOST_SLOTS];
  if (slots > MOST_SLOTS) slots = MOST_SLOTS;
  memset(messages, 0, sizeof messages[0] * (size_t)slots);
  for (int i = 0; i < slots; i++) {
    pieces[i] = (struct iovec){.iov_base = buffer + (size_t)i * slot_size, .iov_len = slot_size};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &names[i];
    messages[i].msg_hdr.msg_namelen = sizeof names[i];
  }
  // An error that came back for something that was sent is reported once, and means nothing here.
  int count = recvmmsg(descriptor, messages, (unsigned)slots, MSG_DONTWAIT | MSG_TRUNC, NULL);
  if (count < 0) return 0;
  for (int i = 0; i < count; i++) {
    lengths[i] = messages[i].msg_len;
    socklen_t length = messages[i].msg_hdr.msg_namelen;
    if (length > sizeof senders[i].bytes) length = sizeof senders[i].bytes;
    memset(&senders[i], 0, sizeof senders[i]);
    memcpy(senders[i].bytes, &names[i], length);
    senders[i].length = length;
  }
  return count;
}

int hl_send(int descriptor, const uint8_t *bytes, size_t count, const struct hl_address *address) {
  struct sockaddr_storage storage;
  memcpy(&storage, address->bytes, sizeof address->bytes);
  ssize_t sent;
  do
    sent = sendto(descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *)&storage, address->length);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}
