#include "launcher.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

// The longest wait before the second restart; it doubles with each further one.
static const int64_t initial_delay = 100 * MILLISECOND;
// The longest wait there is.
static const int64_t maximum_delay = 10 * SECOND;
// A program that ran for so long was well.
static const int64_t stable_after = 30 * SECOND;

void begin_counting(struct restarts *restarts, int maximum, int window_seconds) {
  memset(restarts, 0, sizeof *restarts);
  restarts->maximum = maximum;
  restarts->window = window_seconds * SECOND;
}

bool count_restart(struct restarts *restarts, int64_t now) {
  int old = 0;
  while (old < restarts->count && now - restarts->moments[old] > restarts->window) old++;
  restarts->count -= old;
  memmove(restarts->moments, restarts->moments + old,
          (size_t)restarts->count * sizeof restarts->moments[0]);
  restarts->moments[restarts->count++] = now;
  restarts->consecutive++;
  return restarts->count <= restarts->maximum;
}

void note_life(struct restarts *restarts, int64_t nanoseconds) {
  if (nanoseconds >= stable_after) restarts->consecutive = 0;
}

int64_t draw_delay(const struct restarts *restarts) {
  if (restarts->consecutive <= 1) return 0;
  int64_t ceiling = initial_delay;
  for (int i = 2; i < restarts->consecutive && ceiling < maximum_delay; i++) ceiling *= 2;
  if (ceiling > maximum_delay) ceiling = maximum_delay;
  uint64_t random;
  // Without randomness the longest wait is the careful one.
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) return ceiling;
  return (int64_t)(random % (uint64_t)(ceiling + 1));
}

int64_t monotonic_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * SECOND + time.tv_nsec;
}
