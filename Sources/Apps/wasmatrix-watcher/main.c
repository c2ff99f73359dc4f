// Waits for the end of the process that started it, and tells of it when it was no orderly one.
//
//   waits ──the process let go──────────────────────────> ends
//     └─────the process died──> sends the notices, takes real time from what is left of the process,
//                               sends them again and again for a moment ──> ends
//
// The kernel lets go of the mutex of a process that was killed before it frees its memory and closes
// its connections, which takes the longer the more memory it had. The notices were made by the process
// itself while it lived: there is no cryptography here, and no secret but these.

#define _GNU_SOURCE

#include "CProcessWatch.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_DESCRIPTOR = 3 };

// Each may be lost; who hears one twice counts it once. Milliseconds before each of them.
static const int spacings[] = {0, 1, 5, 25, 100};
enum { spacing_count = sizeof spacings / sizeof spacings[0] };

static void print_help(void) {
  printf(
      "OVERVIEW: Tell the control plane at once that an agent has died.\n\n"
      "USAGE: wasmatrix-watcher\n\n"
      "The agent starts it by itself, beside it, and it ends with the agent. It is told by a page of\n"
      "shared memory, descriptor %d, whom to tell what. There is nothing to start by hand.\n\n"
      "EXIT STATUS\n"
      "  0 when the process ended in order or its end was told; 64: started by hand; 70: the page of\n"
      "  memory is broken.\n\n"
      "EXAMPLE\n"
      "  pgrep wasmatrix-watch    # there is one for each agent\n",
      PAGE_DESCRIPTOR);
}

int main(int count, char **arguments) {
  if (count > 1) {
    bool wants_help = strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0;
    if (wants_help) print_help();
    else fprintf(stderr, "error: there are no options\n  next: see `wasmatrix-watcher --help`\n");
    return wants_help ? 0 : 64;
  }
  struct pw_page *page = pw_map(PAGE_DESCRIPTOR);
  if (page == NULL) {
    fprintf(stderr,
            "error: there is no process to watch\n  next: start an agent, which starts this\n");
    return 64;
  }
  // Ahead of everything that is busy, where that is permitted.
  struct sched_param parameters = {.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO, &parameters);
  mlockall(MCL_CURRENT);

  const int process = pw_open_process(page);
  switch (pw_wait(page)) {
    case PW_ENDED:
    case PW_CANCELLED: return 0;
    case PW_BROKEN: return 70;
    case PW_DIED: break;
  }
  struct pw_notice notices[PW_MOST_NOTICES];
  size_t notice_count = pw_notices(page, notices);
  for (int round = 0; round < spacing_count; round++) {
    struct timespec wait = {.tv_nsec = spacings[round] * 1000000L};
    nanosleep(&wait, NULL);
    for (size_t i = 0; i < notice_count; i++) pw_send(&notices[i]);
    // Whoever takes over may need the processor on which the process comes apart.
    if (round == 0 && process >= 0) pw_demote(page, process);
  }
  return 0;
}
