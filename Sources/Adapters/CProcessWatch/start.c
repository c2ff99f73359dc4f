#define _GNU_SOURCE
#include "CProcessWatch.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

extern char **environ;

int pw_start(const char *program, int descriptor, pid_t *child) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  // Twice, as the first may be 3 already, and would be closed by the program's start.
  posix_spawn_file_actions_adddup2(&files, descriptor, 4);
  posix_spawn_file_actions_adddup2(&files, 4, 3);
  posix_spawn_file_actions_addclosefrom_np(&files, 4);
  for (int standard = 0; standard < 3; standard++)
    posix_spawn_file_actions_addopen(&files, standard, "/dev/null", O_RDWR, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A signal for the group of the watched process, or its terminal, does not reach the watcher.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF);
  char *arguments[] = {(char *)program, NULL};
  int problem = posix_spawn(child, program, &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return problem;
}
