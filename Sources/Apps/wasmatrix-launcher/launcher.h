// The parts of wasmatrix-launcher.
#pragma once

#define _GNU_SOURCE

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MILLISECOND INT64_C(1000000)
#define SECOND INT64_C(1000000000)

// Exit statuses of its own; otherwise it ends as the program did.
enum {
  STATUS_WRONG_USAGE = 64,
  STATUS_GAVE_UP = 75,
  STATUS_NOT_EXECUTABLE = 126,
  STATUS_NOT_FOUND = 127,
};

// The most restarts that can be asked for: the moments of all of them are remembered.
enum { MOST_RESTARTS = 1000 };
// A day: what fails less often than this needs no supervisor.
enum { LONGEST_WINDOW_SECONDS = 86400 };

struct options {
  int max_restarts;
  int window_seconds;
  // The program and its arguments, ended by NULL.
  char **program;
};

// Reads the arguments. When false, the launcher ends with `status`, and has said why.
bool parse_options(int count, char **arguments, struct options *options, int *status);

// Restarts within the window, and how long to wait before the next one.
struct restarts {
  int maximum;
  int64_t window;
  // When there were restarts, oldest first.
  int64_t moments[MOST_RESTARTS + 1];
  int count;
  // Restarts since the program was last stable.
  int consecutive;
};

void begin_counting(struct restarts *restarts, int maximum, int window_seconds);

// One more restart, now. False when it is one too many.
bool count_restart(struct restarts *restarts, int64_t now);

// The program has lived for so long: long enough, and its earlier failures are forgotten.
void note_life(struct restarts *restarts, int64_t nanoseconds);

// The wait before the restart that was counted last: none before the first, then anything up to a
// ceiling that doubles each time.
int64_t draw_delay(const struct restarts *restarts);

// Starts a program that dies with us. Returns 0, or why it cannot be started (errno).
int start_program(char **program, const sigset_t *mask, pid_t *child);

// Says that a program cannot be started; returns the exit status for it.
int report_unstartable(const char *program, int problem);

int64_t monotonic_nanoseconds(void);
