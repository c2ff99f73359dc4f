// What Swift's Glibc module does not export.
#ifndef CDEDICATEDTHREADS_H
#define CDEDICATEDTHREADS_H

#include <stdint.h>
#include <time.h>

// Names the calling thread, for debuggers; at most 15 bytes count.
void dt_name_thread(const char *name);

// Has the calling thread scheduled in real time, ahead of every thread that is not; threads and
// processes that it starts are not. Returns 0, or why that is not permitted (errno).
int dt_schedule_in_real_time(int priority);

// What dt_schedule_in_real_time would say, without any lasting effect.
int dt_try_real_time(int priority);

// One thread sleeps until it is woken, or until a time of the monotonic clock (NULL: for as long as it takes). The
// word begins as 0 and belongs to these two; a wake-up that comes first is kept.
void dt_park(uint32_t *word, const struct timespec *deadline);

// Wakes the thread that sleeps at this word; whoever calls it holds nothing that the other would wait for.
void dt_wake(uint32_t *word);

#endif
