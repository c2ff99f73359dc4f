#define _GNU_SOURCE
#include "CDedicatedThreads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

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
