#define _GNU_SOURCE
#include "CProcessWatch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Says what the bytes of a page mean; both programs are of one build, or do not understand each other.
static const uint32_t magic = 0x57504731;

enum state { STATE_NEW, STATE_HELD, STATE_ENDED, STATE_CANCELLED };

struct notices {
  uint32_t count;
  struct pw_notice all[PW_MOST_NOTICES];
};

struct pw_page {
  uint32_t magic;
  uint32_t size;
  _Atomic uint32_t state;
  // Which of the two is complete: the process may die while it writes.
  _Atomic uint32_t current;
  _Atomic int32_t process;
  pthread_mutex_t life;
  struct notices notices[2];
};

static int prepare(int descriptor) {
  if (ftruncate(descriptor, sizeof(struct pw_page)) != 0) return errno;
  void *memory =
      mmap(NULL, sizeof(struct pw_page), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return errno;
  struct pw_page *page = memory;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  int problem = pthread_mutex_init(&page->life, &attributes);
  pthread_mutexattr_destroy(&attributes);
  page->size = sizeof *page;
  page->magic = magic;
  munmap(memory, sizeof *page);
  return problem;
}

int pw_make(const char *path) {
  int descriptor = path == NULL ? memfd_create("wasmatrix-watch", MFD_CLOEXEC)
                                : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return -errno;
  int problem = prepare(descriptor);
  if (problem == 0) return descriptor;
  close(descriptor);
  return -problem;
}

struct pw_page *pw_map(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return NULL;
  if (status.st_size != sizeof(struct pw_page)) {
    errno = EINVAL;
    return NULL;
  }
  struct pw_page *page =
      mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (page == MAP_FAILED) return NULL;
  if (page->magic == magic && page->size == sizeof *page) return page;
  munmap(page, sizeof *page);
  errno = EINVAL;
  return NULL;
}

void pw_unmap(struct pw_page *page) { munmap(page, sizeof *page); }

// What has ended or was cancelled stays so. Wakes whoever waits for something to begin.
static void change(struct pw_page *page, enum state state) {
  uint32_t old = atomic_load(&page->state);
  while (old < STATE_ENDED && !atomic_compare_exchange_weak(&page->state, &old, state)) continue;
  syscall(SYS_futex, &page->state, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

int pw_hold(struct pw_page *page) {
  // Nobody else ever holds it for longer than it takes to look.
  int problem = pthread_mutex_lock(&page->life);
  if (problem == EOWNERDEAD) {
    pthread_mutex_consistent(&page->life);
    problem = 0;
  }
  if (problem == 0) {
    atomic_store(&page->process, getpid());
    change(page, STATE_HELD);
  }
  return problem;
}

void pw_release(struct pw_page *page) {
  change(page, STATE_ENDED);
  pthread_mutex_unlock(&page->life);
}

pid_t pw_process(const struct pw_page *page) { return atomic_load(&page->process); }

bool pw_is_held(const struct pw_page *page) { return atomic_load(&page->state) == STATE_HELD; }

void pw_announce(struct pw_page *page, const struct pw_notice *notices, size_t count) {
  if (count > PW_MOST_NOTICES) count = PW_MOST_NOTICES;
  uint32_t next = 1 - (atomic_load(&page->current) & 1);
  page->notices[next].count = (uint32_t)count;
  if (count > 0) memcpy(page->notices[next].all, notices, count * sizeof *notices);
  atomic_store(&page->current, next);
}

size_t pw_notices(const struct pw_page *page, struct pw_notice notices[PW_MOST_NOTICES]) {
  const struct notices *current = &page->notices[atomic_load(&page->current) & 1];
  size_t count = 0;
  for (uint32_t i = 0; i < current->count && i < PW_MOST_NOTICES; i++) {
    notices[count] = current->all[i];
    if (notices[count].size <= PW_NOTICE_SIZE && notices[count].address_size <= PW_ADDRESS_SIZE)
      count++;
  }
  return count;
}

// How long nobody looks whether the wait was cancelled; the end of the process is heard at once.
static struct timespec in_a_second(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += 1;
  return time;
}

enum pw_end pw_wait(struct pw_page *page) {
  while (atomic_load(&page->state) == STATE_NEW) {
    struct timespec second = {.tv_sec = 1};
    syscall(SYS_futex, &page->state, FUTEX_WAIT, STATE_NEW, &second, NULL, 0);
  }
  while (true) {
    if (atomic_load(&page->state) == STATE_CANCELLED) return PW_CANCELLED;
    struct timespec patience = in_a_second();
    int problem = pthread_mutex_clocklock(&page->life, CLOCK_MONOTONIC, &patience);
    if (problem == ETIMEDOUT) continue;
    if (problem != 0 && problem != EOWNERDEAD) return PW_BROKEN;
    // Let go again: others may wait for the same, and hear of the same.
    enum state state = atomic_load(&page->state);
    if (problem == EOWNERDEAD) pthread_mutex_consistent(&page->life);
    pthread_mutex_unlock(&page->life);
    return state == STATE_ENDED ? PW_ENDED : state == STATE_CANCELLED ? PW_CANCELLED : PW_DIED;
  }
}

void pw_cancel(struct pw_page *page) { change(page, STATE_CANCELLED); }

void pw_send(const struct pw_notice *notice) {
  struct sockaddr_storage address;
  memset(&address, 0, sizeof address);
  memcpy(&address, notice->address, sizeof notice->address);
  int out = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out < 0) return;
  sendto(out, notice->bytes, notice->size, MSG_DONTWAIT | MSG_NOSIGNAL,
         (struct sockaddr *)&address, notice->address_size);
  close(out);
}
