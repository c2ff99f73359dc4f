// What Swift's Glibc module does not export.
#ifndef CDEDICATEDTHREADS_H
#define CDEDICATEDTHREADS_H

// Names the calling thread, for debuggers; at most 15 bytes count.
void dt_name_thread(const char *name);

// Has the calling thread scheduled in real time, ahead of every thread that is not; threads and
// processes that it starts are not. Returns 0, or why that is not permitted (errno).
int dt_schedule_in_real_time(int priority);

// What dt_schedule_in_real_time would say, without any lasting effect.
int dt_try_real_time(int priority);

#endif
