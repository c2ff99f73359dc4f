#define _GNU_SOURCE
#include "CGuestFiles.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  // As the kernel itself has it.
  most_links = 40,
  // Folders that one path may descend through; each costs a descriptor while it is walked.
  most_depth = 128,
  // A rename elsewhere makes the kernel ask to try again; a guest cannot keep us busy with that.
  most_attempts = 64,
  // What a path and the links in it may come to.
  most_rest = 2 * 4096,
};

static int result(int value) { return value < 0 ? -errno : value; }

int gf_naming_flags(void) { return O_PATH | O_CLOEXEC; }

int gf_reopen(int descriptor, int flags) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  return result(open(path, flags | O_CLOEXEC));
}

// A walk through folders: those that were entered and not left again.
typedef struct {
  int folders[most_depth];
  int depth;
  int root;
  int links;
  char rest[most_rest];
} walk;

static int here(const walk *walk) {
  return walk->depth > 0 ? walk->folders[walk->depth - 1] : walk->root;
}

// Puts the target of the link `name` in front of what is left of the path.
static int follow(walk *walk, int folder, const char *name, const char *left) {
  char target[4096];
  if (++walk->links > most_links) return -ELOOP;
  ssize_t length = readlinkat(folder, name, target, sizeof target);
  if (length < 0) return -errno;
  if (length == 0) return -ENOENT;
  if (target[0] == '/') return -EXDEV;
  size_t left_length = strlen(left);
  if ((size_t)length + 1 + left_length + 1 > most_rest) return -ENAMETOOLONG;
  memmove(walk->rest + length + (left_length > 0), left, left_length + 1);
  memcpy(walk->rest, target, (size_t)length);
  if (left_length > 0) walk->rest[length] = '/';
  return 0;
}

// Enters a folder, or follows the link that stands there.
static int enter(walk *walk, const char *name, const char *left) {
  int entered = openat(here(walk), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (entered < 0) return -errno;
  struct stat status;
  int found = 0;
  if (fstat(entered, &status) != 0) {
    found = -errno;
  } else if (S_ISLNK(status.st_mode)) {
    found = follow(walk, entered, "", left);
  } else if (!S_ISDIR(status.st_mode)) {
    found = -ENOTDIR;
  } else if (walk->depth == most_depth) {
    found = -ENAMETOOLONG;
  } else {
    walk->folders[walk->depth++] = entered;
    if (left != walk->rest) memmove(walk->rest, left, strlen(left) + 1);
    return 0;
  }
  close(entered);
  return found;
}

// Opens the last part of a path. -EAGAIN when a link stood there, which now stands in the rest.
static int open_last(walk *walk, const char *name, int flags, unsigned mode) {
  int opened = openat(here(walk), name, flags | O_NOFOLLOW, mode);
  int code = opened < 0 ? errno : 0;
  int stays = (flags & O_NOFOLLOW) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
  if (stays) return opened < 0 ? -code : opened;
  if (opened >= 0) {
    struct stat status;
    if (!(flags & O_PATH) || fstat(opened, &status) != 0 || !S_ISLNK(status.st_mode)) return opened;
    close(opened);
  } else if (code != ELOOP && code != ENOTDIR) {
    return -code;
  }
  char copy[256];
  if (strlen(name) >= sizeof copy) return -ENAMETOOLONG;
  strcpy(copy, name);
  int followed = follow(walk, here(walk), copy, "");
  // It is no link: what the opening said is right, unless somebody has just put it there.
  if (followed == -EINVAL) return code == ENOTDIR ? -ENOTDIR : -EAGAIN;
  return followed < 0 ? followed : -EAGAIN;
}

static int step(walk *walk, int flags, unsigned mode) {
  char *name = walk->rest;
  while (*name == '/') name++;
  char *end = strchrnul(name, '/');
  char *left = end;
  while (*left == '/') left++;
  int is_last = *left == 0, needs_folder = *end == '/';
  *end = 0;
  if (*name == 0) {
    // Nothing is left: the folder itself is meant.
    if (flags & O_CREAT) return flags & O_EXCL ? -EEXIST : -EISDIR;
    return result(openat(here(walk), ".", flags, mode));
  }
  if (strcmp(name, "..") == 0) {
    if (walk->depth == 0) return -EXDEV;
    close(walk->folders[--walk->depth]);
  } else if (strcmp(name, ".") != 0) {
    if (is_last && !needs_folder) return open_last(walk, name, flags, mode);
    if (is_last && (flags & O_CREAT)) return -EISDIR;
    // A slash at the end asks for a folder, also of what a link leads to.
    int entered = enter(walk, name, is_last ? "." : left);
    return entered < 0 ? entered : -EAGAIN;
  }
  memmove(walk->rest, left, strlen(left) + 1);
  return -EAGAIN;
}

int gf_open_walking(int folder, const char *path, int flags, unsigned mode) {
  walk walk = {.root = folder};
  size_t length = strlen(path);
  if (length == 0) return -ENOENT;
  if (length >= 4096) return -ENAMETOOLONG;
  if (path[0] == '/') return -EXDEV;
  memcpy(walk.rest, path, length + 1);
  flags |= O_CLOEXEC;
  int opened = -EAGAIN;
  // Each step takes a part of the path away or follows one of few links.
  for (int steps = 0; opened == -EAGAIN && steps < most_rest; steps++)
    opened = step(&walk, flags, mode);
  while (walk.depth > 0) close(walk.folders[--walk.depth]);
  return opened;
}

int gf_open(int folder, const char *path, int flags, unsigned mode) {
  static _Atomic int kernel_walks = 1;
  if (!(flags & O_PATH)) flags |= O_NONBLOCK | O_NOCTTY;
  if (!atomic_load(&kernel_walks)) return gf_open_walking(folder, path, flags, mode);
  struct open_how how = {
      .flags = (uint64_t)(flags | O_CLOEXEC),
      .mode = flags & O_CREAT ? mode : 0,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
  };
  for (int attempt = 0; attempt < most_attempts; attempt++) {
    int opened = result((int)syscall(SYS_openat2, folder, path, &how, sizeof how));
    if (opened != -ENOSYS && opened != -EAGAIN) return opened;
    if (opened == -ENOSYS) {
      atomic_store(&kernel_walks, 0);
      return gf_open_walking(folder, path, flags, mode);
    }
  }
  return -EAGAIN;
}

ssize_t gf_entries(int folder, void *buffer, size_t size) {
  ssize_t length = syscall(SYS_getdents64, folder, buffer, size);
  return length < 0 ? -errno : length;
}

int gf_set_times(int handle, const struct timespec times[2]) {
  if (utimensat(handle, "", times, AT_EMPTY_PATH) == 0) return 0;
  if (errno != EINVAL && errno != ENOENT) return -errno;
  // Kernels before 5.8 know no empty path here.
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
  return result(utimensat(AT_FDCWD, path, times, 0));
}

long gf_time_now(void) { return UTIME_NOW; }
long gf_time_omitted(void) { return UTIME_OMIT; }

int gf_allocate(int file, int64_t offset, int64_t length) {
  return result(fallocate(file, 0, offset, length));
}

int gf_readable_bytes(int descriptor) {
  int count = 0;
  return ioctl(descriptor, FIONREAD, &count) < 0 ? -errno : count;
}

int gf_signal(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

void gf_raise(int signal) {
  uint64_t one = 1;
  // It can only fail when it is raised already.
  ssize_t ignored = write(signal, &one, sizeof one);
  (void)ignored;
}

void gf_lower(int signal) {
  uint64_t count;
  ssize_t ignored = read(signal, &count, sizeof count);
  (void)ignored;
}
