// Runs a program and starts it again when it ends abnormally.
//
//              ┌──────────── start ◄────────────┐
//              ▼                                │ back-off over
//           running ──abnormal end──► counts ──► waiting
//              │                        │          │
//     status 0 │     one restart too    │          │ asked to stop
//     or asked │     many in the window ▼          ▼
//     to stop  └──────► ends       gives up       ends
//
// It does no work of its own, so that there is next to nothing in it that could fail. One thread,
// one child, all signals taken synchronously: nothing here runs inside a signal handler.

#include "launcher.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// The signals that ask for an orderly stop.
static const int stop_signals[] = {SIGTERM, SIGINT, SIGHUP};
enum { stop_signal_count = sizeof stop_signals / sizeof stop_signals[0] };

struct launcher {
  struct options options;
  struct restarts restarts;
  sigset_t awaited;
  sigset_t inherited;
  // 0 while nothing runs.
  pid_t child;
  bool is_stopping;
};

// What a program that ended with `status` (of waitpid) is as an exit status: as a shell says it.
static int exit_status(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void describe(int status, char *text, size_t size) {
  if (WIFSIGNALED(status))
    snprintf(text, size, "was ended by signal %d (%s)", WTERMSIG(status),
             strsignal(WTERMSIG(status)));
  else
    snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
}

// Takes in a signal. Those of the terminal reach the child without us, as it is in our process
// group; passed on, they would be the second Ctrl-C, which means "at once".
static void take_signal(struct launcher *self, const siginfo_t *info) {
  if (info->si_signo == SIGCHLD) return;
  self->is_stopping = true;
  bool is_from_terminal = info->si_code > 0;
  if (self->child > 0 && !is_from_terminal) kill(self->child, info->si_signo);
}

// Waits until the child has ended; returns its status. Collects whatever else became our child, as
// happens to the first process of a container.
static int await_end(struct launcher *self) {
  while (true) {
    int status;
    pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended == self->child) {
      self->child = 0;
      return status;
    }
    if (ended > 0) continue;
    siginfo_t info;
    if (sigwaitinfo(&self->awaited, &info) >= 0) take_signal(self, &info);
  }
}

// Waits until `end`; less when a stop is asked for.
static void await_time(struct launcher *self, int64_t end) {
  int64_t left;
  while (!self->is_stopping && (left = end - monotonic_nanoseconds()) > 0) {
    struct timespec wait = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    siginfo_t info;
    if (sigtimedwait(&self->awaited, &info, &wait) >= 0) take_signal(self, &info);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  }
}

// Says what happened; returns whether the program is to be started again, after a while.
static bool prepare_restart(struct launcher *self, const char *happened) {
  const char *program = self->options.program[0];
  int64_t now = monotonic_nanoseconds();
  if (!count_restart(&self->restarts, now)) {
    fprintf(stderr,
            "error: %s %s; it had to be started again more than %d times within %d s\n"
            "  next: see what it said above; start it without wasmatrix-launcher to watch it\n",
            program, happened, self->options.max_restarts, self->options.window_seconds);
    return false;
  }
  int64_t delay = draw_delay(&self->restarts);
  fprintf(stderr,
          "wasmatrix-launcher: %s %s; it is started again in %lld ms (%d of %d within %d s)\n",
          program, happened, (long long)(delay / MILLISECOND), self->restarts.count,
          self->options.max_restarts, self->options.window_seconds);
  await_time(self, now + delay);
  return true;
}

int main(int count, char **arguments) {
  struct launcher self = {0};
  int usage_status;
  if (!parse_options(count, arguments, &self.options, &usage_status)) return usage_status;
  begin_counting(&self.restarts, self.options.max_restarts, self.options.window_seconds);

  sigemptyset(&self.awaited);
  sigaddset(&self.awaited, SIGCHLD);
  for (int i = 0; i < stop_signal_count; i++) sigaddset(&self.awaited, stop_signals[i]);
  // Ignored is not blocked: whoever started us may have set that, and then we would never wake.
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_BLOCK, &self.awaited, &self.inherited);

  bool was_started = false;
  while (!self.is_stopping) {
    char happened[128];
    int64_t began = monotonic_nanoseconds();
    int problem = start_program(self.options.program, &self.inherited, &self.child);
    if (problem != 0) {
      self.child = 0;
      // A program that was there and is not any more may be in the middle of an update.
      if (!was_started) return report_unstartable(self.options.program[0], problem);
      snprintf(happened, sizeof happened, "could not be started: %s", strerror(problem));
    } else {
      was_started = true;
      int status = await_end(&self);
      if (self.is_stopping || exit_status(status) == 0) return exit_status(status);
      note_life(&self.restarts, monotonic_nanoseconds() - began);
      describe(status, happened, sizeof happened);
    }
    if (!prepare_restart(&self, happened)) return STATUS_GAVE_UP;
  }
  // Asked to stop while nothing ran.
  return 0;
}
