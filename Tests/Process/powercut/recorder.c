// Records what a program does to the files below one folder, beneath SQLite and beneath the program
// itself, so that the disk can be made again as a power cut at any moment could have left it.
//
//   POWERCUT_ROOT  the folder, without symbolic links in its path
//   POWERCUT_LOG   the file that records are appended to
//
// A record is `struct record`, and `length` bytes after it. The order of the records is the order in which
// things happened: whatever changes a recorded file holds the lock until it is recorded. A sync is recorded
// at its end and covers what was recorded before its beginning (`covers`). Not synced for real: nobody
// pulls the plug here, and the program gets further in the same time. A call that changes a recorded file
// and is not understood is recorded as such, and makes the test fail.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct record {
  uint32_t magic;
  // o: a file has a name and an id, f: a folder has, w: write, t: truncate, s: sync, r: rename, u: unlink, m: mkdir, l: link,
  // d: a folder is synced, x: not understood.
  uint32_t kind;
  uint32_t file;
  uint32_t length;
  uint64_t number;
  uint64_t at;
  uint64_t covers;
};

enum { magic = 0x57434d50, most_descriptors = 65536, most_files = 65536 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int log_descriptor = -1;
static uint64_t numbers;
// By descriptor: the id of its file, 0 for none; folders have ids too.
static uint32_t files_of[most_descriptors];
static struct {
  dev_t device;
  ino_t inode;
  int is_folder;
} files[most_files];
static uint32_t file_count;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("POWERCUT_ROOT"), *log = getenv("POWERCUT_LOG");
  if (!folder || !log) return;
  root_length = strlen(folder);
  memcpy(root, folder, root_length + 1);
  int descriptor = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  // Out of the way of the program's own.
  log_descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 1000);
  if (log_descriptor < 0) abort();
  REAL(close)(descriptor);
}

static void put(char kind, uint32_t file, uint64_t at, uint64_t covers, const struct iovec *parts,
                int count) {
  struct iovec all[9];
  struct record record = {magic, (uint32_t)kind, file, 0, ++numbers, at, covers};
  size_t length = 0;
  for (int part = 0; part < count; part++) {
    all[part + 1] = parts[part];
    length += parts[part].iov_len;
  }
  record.length = (uint32_t)length;
  all[0].iov_base = &record;
  all[0].iov_len = sizeof record;
  if (REAL(writev)(log_descriptor, all, count + 1) != (ssize_t)(sizeof record + length)) abort();
}

static void put_text(char kind, uint32_t file, const char *text) {
  struct iovec part = {(void *)text, strlen(text)};
  put(kind, file, 0, 0, &part, 1);
}

static int is_below_root(const char *path) {
  return log_descriptor >= 0 && strncmp(path, root, root_length) == 0 &&
         (path[root_length] == '/' || path[root_length] == 0);
}

// The path of a name, with its folder's links resolved; nothing when the folder is not there.
static int resolve(int folder, const char *name, char *path) {
  char joined[2 * PATH_MAX], parent[2 * PATH_MAX];
  if (name[0] == '/') {
    snprintf(joined, sizeof joined, "%s", name);
  } else if (folder == AT_FDCWD) {
    if (!getcwd(parent, PATH_MAX)) return 0;
    snprintf(joined, sizeof joined, "%.*s/%s", PATH_MAX - 1, parent, name);
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, parent, PATH_MAX - 1);
    if (length < 0) return 0;
    parent[length] = 0;
    snprintf(joined, sizeof joined, "%.*s/%s", PATH_MAX - 1, parent, name);
  }
  size_t end = strlen(joined);
  while (end > 1 && joined[end - 1] == '/') joined[--end] = 0;
  char *slash = strrchr(joined, '/');
  if (!slash) return 0;
  snprintf(parent, sizeof parent, "%.*s", (int)(slash - joined), joined);
  char resolved[PATH_MAX];
  if (!realpath(parent[0] ? parent : "/", resolved)) return 0;
  return snprintf(path, PATH_MAX, "%s/%s", resolved, slash + 1) < PATH_MAX;
}

// The id of the file that a descriptor is of; a file that was just made has a new one, as inodes are used
// again.
static void know(int descriptor, const char *path, int is_new) {
  struct stat facts;
  if (descriptor < 0 || descriptor >= most_descriptors || !is_below_root(path)) return;
  if (fstat(descriptor, &facts) != 0) return;
  if (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) return;
  uint32_t found = 0;
  for (uint32_t file = file_count; !is_new && file > 0 && !found; file--)
    if (files[file].device == facts.st_dev && files[file].inode == facts.st_ino) found = file;
  if (!found) {
    if (++file_count == most_files) abort();
    found = file_count;
    files[found].device = facts.st_dev;
    files[found].inode = facts.st_ino;
    files[found].is_folder = S_ISDIR(facts.st_mode);
    put_text(files[found].is_folder ? 'f' : 'o', found, path);
  }
  files_of[descriptor] = found;
}

static uint32_t file_of(int descriptor) {
  return descriptor >= 0 && descriptor < most_descriptors ? files_of[descriptor] : 0;
}

static void not_understood(int descriptor, const char *call) {
  if (!file_of(descriptor)) return;
  pthread_mutex_lock(&lock);
  put_text('x', file_of(descriptor), call);
  pthread_mutex_unlock(&lock);
}

static int opened(int folder, const char *name, int flags, mode_t mode) {
  char path[PATH_MAX];
  if (log_descriptor < 0 || !resolve(folder, name, path) || !is_below_root(path))
    return REAL(openat)(folder, name, flags, mode);
  pthread_mutex_lock(&lock);
  struct stat facts;
  int was_there = fstatat(folder, name, &facts, 0) == 0;
  int descriptor = REAL(openat)(folder, name, flags, mode);
  int error = errno;
  if (descriptor >= 0) {
    know(descriptor, path, (flags & O_CREAT) && !was_there);
    if ((flags & O_TRUNC) && was_there && facts.st_size > 0)
      put('t', file_of(descriptor), 0, 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return descriptor;
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                      \
  int name(const char *path, int flags, ...) {          \
    va_list arguments;                                  \
    va_start(arguments, flags);                         \
    mode_t mode = mode_of(flags, arguments);            \
    va_end(arguments);                                  \
    return opened(AT_FDCWD, path, flags, mode);         \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                          \
  int name(int folder, const char *path, int flags, ...) {    \
    va_list arguments;                                        \
    va_start(arguments, flags);                               \
    mode_t mode = mode_of(flags, arguments);                  \
    va_end(arguments);                                        \
    return opened(folder, path, flags, mode);                 \
  }
OPENAT(openat64)

int mkstemp(char *template) {
  int descriptor = REAL(mkstemp)(template);
  char path[PATH_MAX];
  if (descriptor >= 0 && resolve(AT_FDCWD, template, path)) {
    pthread_mutex_lock(&lock);
    know(descriptor, path, 1);
    pthread_mutex_unlock(&lock);
  }
  return descriptor;
}

int close(int descriptor) {
  if (descriptor == log_descriptor && descriptor >= 0) return 0;
  if (file_of(descriptor)) {
    pthread_mutex_lock(&lock);
    files_of[descriptor] = 0;
    int result = REAL(close)(descriptor);
    pthread_mutex_unlock(&lock);
    return result;
  }
  return REAL(close)(descriptor);
}

// Writing.

static off_t place(int descriptor) {
  struct stat facts;
  if (!(fcntl(descriptor, F_GETFL) & O_APPEND)) return lseek(descriptor, 0, SEEK_CUR);
  return fstat(descriptor, &facts) == 0 ? facts.st_size : 0;
}

static ssize_t written(int descriptor, ssize_t result, off_t at, const struct iovec *parts, int count) {
  int error = errno;
  struct iovec kept[8];
  int used = 0;
  ssize_t rest = result;
  for (; used < count && used < 8 && rest > 0; used++) {
    kept[used] = parts[used];
    if ((ssize_t)kept[used].iov_len > rest) kept[used].iov_len = (size_t)rest;
    rest -= (ssize_t)kept[used].iov_len;
  }
  // What has no places is no file: the number is that of a pipe or a socket by now.
  if (at >= 0 && rest > 0) put_text('x', file_of(descriptor), "a write of many parts");
  if (at >= 0 && result > 0) put('w', file_of(descriptor), (uint64_t)at, 0, kept, used);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  if (!file_of(descriptor)) return REAL(write)(descriptor, bytes, count);
  pthread_mutex_lock(&lock);
  off_t at = place(descriptor);
  struct iovec part = {(void *)bytes, count};
  return written(descriptor, REAL(write)(descriptor, bytes, count), at, &part, 1);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  if (!file_of(descriptor)) return REAL(writev)(descriptor, parts, count);
  pthread_mutex_lock(&lock);
  off_t at = place(descriptor);
  return written(descriptor, REAL(writev)(descriptor, parts, count), at, parts, count);
}

#define PWRITE(name)                                                                  \
  ssize_t name(int descriptor, const void *bytes, size_t count, off_t at) {           \
    if (!file_of(descriptor)) return REAL(name)(descriptor, bytes, count, at);        \
    pthread_mutex_lock(&lock);                                                        \
    struct iovec part = {(void *)bytes, count};                                       \
    return written(descriptor, REAL(name)(descriptor, bytes, count, at), at, &part, 1); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define TRUNCATE(name)                                                  \
  int name(int descriptor, off_t length) {                              \
    if (!file_of(descriptor)) return REAL(name)(descriptor, length);    \
    pthread_mutex_lock(&lock);                                          \
    int result = REAL(name)(descriptor, length);                        \
    if (result == 0) put('t', file_of(descriptor), (uint64_t)length, 0, NULL, 0); \
    pthread_mutex_unlock(&lock);                                        \
    return result;                                                      \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

// What is not understood.

#define UNKNOWN(result, name, parameters, call)   \
  result name parameters {                        \
    not_understood(descriptor, #name);            \
    return REAL(name) call;                       \
  }
UNKNOWN(int, fallocate, (int descriptor, int mode, off_t at, off_t length), (descriptor, mode, at, length))
UNKNOWN(int, fallocate64, (int descriptor, int mode, off_t at, off_t length), (descriptor, mode, at, length))
UNKNOWN(int, posix_fallocate, (int descriptor, off_t at, off_t length), (descriptor, at, length))
UNKNOWN(int, posix_fallocate64, (int descriptor, off_t at, off_t length), (descriptor, at, length))
UNKNOWN(ssize_t, pwritev, (int descriptor, const struct iovec *parts, int count, off_t at),
        (descriptor, parts, count, at))
UNKNOWN(ssize_t, pwritev64, (int descriptor, const struct iovec *parts, int count, off_t at),
        (descriptor, parts, count, at))

// Syncing.

static int synced(int descriptor) {
  pthread_mutex_lock(&lock);
  uint64_t covers = numbers;
  pthread_mutex_unlock(&lock);
  // Others write meanwhile, as they would while a disk works.
  usleep(200);
  pthread_mutex_lock(&lock);
  uint32_t file = file_of(descriptor);
  put(files[file].is_folder ? 'd' : 's', file, 0, covers, NULL, 0);
  pthread_mutex_unlock(&lock);
  return 0;
}

int fsync(int descriptor) { return file_of(descriptor) ? synced(descriptor) : REAL(fsync)(descriptor); }

int fdatasync(int descriptor) {
  return file_of(descriptor) ? synced(descriptor) : REAL(fdatasync)(descriptor);
}

// Names.

static int named(char kind, int old_folder, const char *old, int new_folder, const char *new,
                 int (*change)(int, const char *, int, const char *)) {
  char from[PATH_MAX], to[PATH_MAX];
  if (log_descriptor < 0 || !resolve(old_folder, old, from) || !resolve(new_folder, new, to) ||
      !(is_below_root(from) || is_below_root(to)))
    return change(old_folder, old, new_folder, new);
  pthread_mutex_lock(&lock);
  int result = change(old_folder, old, new_folder, new);
  int error = errno;
  if (result == 0) {
    struct iovec parts[] = {{from, strlen(from) + 1}, {to, strlen(to)}};
    put(kind, 0, 0, 0, parts, 2);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

static int really_rename(int old_folder, const char *old, int new_folder, const char *new) {
  return REAL(renameat)(old_folder, old, new_folder, new);
}

static int really_link(int old_folder, const char *old, int new_folder, const char *new) {
  return REAL(linkat)(old_folder, old, new_folder, new, 0);
}

int rename(const char *old, const char *new) {
  return named('r', AT_FDCWD, old, AT_FDCWD, new, really_rename);
}

int renameat(int old_folder, const char *old, int new_folder, const char *new) {
  return named('r', old_folder, old, new_folder, new, really_rename);
}

int link(const char *old, const char *new) {
  return named('l', AT_FDCWD, old, AT_FDCWD, new, really_link);
}

static int removed(int folder, const char *name, int flags) {
  char path[PATH_MAX];
  if (log_descriptor < 0 || !resolve(folder, name, path) || !is_below_root(path))
    return REAL(unlinkat)(folder, name, flags);
  pthread_mutex_lock(&lock);
  int result = REAL(unlinkat)(folder, name, flags);
  int error = errno;
  if (result == 0) put_text('u', 0, path);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }

int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdir(const char *name, mode_t mode) {
  char path[PATH_MAX];
  if (log_descriptor < 0 || !resolve(AT_FDCWD, name, path) || !is_below_root(path))
    return REAL(mkdir)(name, mode);
  pthread_mutex_lock(&lock);
  int result = REAL(mkdir)(name, mode);
  int error = errno;
  if (result == 0) put_text('m', 0, path);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

OPENAT(openat)
