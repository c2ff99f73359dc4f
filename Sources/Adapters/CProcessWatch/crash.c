#define _GNU_SOURCE
#include "CProcessWatch.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

static const int crashes[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP};
enum { crash_count = sizeof crashes / sizeof crashes[0] };

static struct sigaction before[NSIG];
// Mapped for good: it may be needed at any time.
static struct pw_page *_Atomic watched;
static atomic_flag is_told = ATOMIC_FLAG_INIT;

// Only what may be called in a handler of signals.
static void crash(int number, siginfo_t *info, void *context) {
  int code = errno;
  struct pw_page *page = atomic_load(&watched);
  if (page != NULL && pw_is_held(page) && !atomic_flag_test_and_set(&is_told)) {
    struct pw_notice notices[PW_MOST_NOTICES];
    size_t count = pw_notices(page, notices);
    for (size_t i = 0; i < count; i++) pw_send(&notices[i]);
  }
  errno = code;
  const struct sigaction *earlier = &before[number];
  if (earlier->sa_flags & SA_SIGINFO)
    earlier->sa_sigaction(number, info, context);
  else if (earlier->sa_handler != SIG_DFL && earlier->sa_handler != SIG_IGN)
    earlier->sa_handler(number);
  // It waits until this has returned; an instruction that failed would fail again, a signal of
  // somebody else's would not come again.
  signal(number, SIG_DFL);
  raise(number);
}

int pw_end_at_crash(void) {
  for (int i = 0; i < crash_count; i++) {
    struct sigaction action = {.sa_sigaction = crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    if (sigaction(crashes[i], NULL, &before[crashes[i]]) != 0) return errno;
    if (sigaction(crashes[i], &action, NULL) != 0) return errno;
  }
  return 0;
}

int pw_tell_at_crash(int descriptor) {
  struct pw_page *page = pw_map(descriptor);
  if (page == NULL) return errno;
  struct pw_page *earlier = atomic_exchange(&watched, page);
  if (earlier != NULL) pw_unmap(earlier);
  return 0;
}
