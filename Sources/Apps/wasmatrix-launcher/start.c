#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// What the child does; it reports through `report` only when the program cannot be executed.
static void become(char **program, const sigset_t *mask, pid_t parent, int report) {
  // Nothing may outlive the launcher: whoever restarts that would start a second program beside
  // this one. SIGKILL, as an orderly stop may take any time, and what was acknowledged is on disk.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have died before that was in force.
  if (getppid() != parent) _exit(STATUS_GAVE_UP);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(program[0], program);
  int problem = errno;
  ssize_t written;
  do written = write(report, &problem, sizeof problem);
  while (written < 0 && errno == EINTR);
  _exit(STATUS_NOT_EXECUTABLE);
}

int start_program(char **program, const sigset_t *mask, pid_t *child) {
  // It is closed by a successful exec: an end without a word means that the program runs.
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return errno;
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) {
    int problem = errno;
    close(report[0]);
    close(report[1]);
    return problem;
  }
  if (pid == 0) become(program, mask, parent, report[1]);
  close(report[1]);
  int problem = 0;
  ssize_t length;
  do length = read(report[0], &problem, sizeof problem);
  while (length < 0 && errno == EINTR);
  close(report[0]);
  if (length != sizeof problem) {
    *child = pid;
    return 0;
  }
  waitpid(pid, NULL, 0);
  return problem;
}

int report_unstartable(const char *program, int problem) {
  bool is_missing = problem == ENOENT;
  fprintf(stderr, "error: %s cannot be started: %s\n  next: %s\n", program, strerror(problem),
          is_missing ? "check the name, or give its whole path"
                     : "check that it is an executable file for this machine");
  return is_missing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}
