#define _GNU_SOURCE
#include "CDedicatedThreads.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

void dt_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int dt_schedule_in_real_time(int priority) {
  struct sched_param parameters = {.sched_priority = priority};
  // 0 is the calling thread.
  return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0 ? 0 : errno;
}

static void *try_it(void *priority) {
  *(int *)priority = dt_schedule_in_real_time(*(int *)priority);
  return NULL;
}

int dt_try_real_time(int priority) {
  pthread_t thread;
  int problem = pthread_create(&thread, NULL, try_it, &priority);
  if (problem != 0) return problem;
  pthread_join(thread, NULL);
  return priority;
}

enum { empty = 0, woken = 1, parked = 2 };

void dt_park(uint32_t *word, const struct timespec *deadline) {
  while (1) {
    uint32_t found = empty;
    if (!__atomic_compare_exchange_n(word, &found, parked, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
      __atomic_store_n(word, empty, __ATOMIC_RELAXED);
      return;
    }
    // The deadline is absolute, of the monotonic clock.
    long result = syscall(
        SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, parked, deadline, NULL,
        FUTEX_BITSET_MATCH_ANY);
    int problem = result == 0 ? 0 : errno;
    if (__atomic_exchange_n(word, empty, __ATOMIC_ACQUIRE) == woken) return;
    if (problem == ETIMEDOUT) return;
  }
}

void dt_wake(uint32_t *word) {
  if (__atomic_exchange_n(word, woken, __ATOMIC_RELEASE) == parked)
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
