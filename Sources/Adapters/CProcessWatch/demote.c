#define _GNU_SOURCE
#include "CProcessWatch.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int pw_open_process(const struct pw_page *page) {
  pid_t process = pw_process(page);
  if (process <= 0) return -ESRCH;
  int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
  return descriptor < 0 ? -errno : descriptor;
}

int pw_demote(const struct pw_page *page, int descriptor) {
  // Nobody else has its number until it is collected.
  if (syscall(SYS_pidfd_send_signal, descriptor, 0, NULL, 0) != 0) return errno;
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/task", (int)pw_process(page));
  DIR *tasks = opendir(path);
  if (tasks == NULL) return errno;
  // Whoever may not take the flag away has to hand it over again.
  const int ordinary = SCHED_OTHER | SCHED_RESET_ON_FORK;
  const struct sched_param parameters = {.sched_priority = 0};
  struct dirent *task;
  while ((task = readdir(tasks)) != NULL) {
    pid_t thread = atoi(task->d_name);
    if (thread > 0) sched_setscheduler(thread, ordinary, &parameters);
  }
  closedir(tasks);
  return 0;
}
