// On which processors a thread may run: the macros that it takes are not there in Swift.
#define _GNU_SOURCE
#include <sched.h>

#include "csandbox.h"

void cs_pin(int nth) {
  // What the thread may use at first, however often it was pinned since.
  static cpu_set_t all;
  static bool is_known;
  if (!is_known) is_known = sched_getaffinity(0, sizeof all, &all) == 0;
  if (!is_known || CPU_COUNT(&all) == 0) return;
  if (nth < 0) {
    sched_setaffinity(0, sizeof all, &all);
    return;
  }
  int wanted = nth % CPU_COUNT(&all);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &all) || wanted-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}
