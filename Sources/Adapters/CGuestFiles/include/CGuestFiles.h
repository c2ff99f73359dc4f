// System calls for the files of guests that Swift's Glibc module does not export, and the one that
// keeps guests inside their folders. Everything answers 0 or more, or the negative errno.
#ifndef CGUESTFILES_H
#define CGUESTFILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

// Opens `path` as seen from `folder`, and nothing outside of it: no absolute path, no `..` and no
// symbolic link leads out, whatever others do to the folder meanwhile; -EXDEV says that it would.
// Never follows the links of /proc. Files that are no regular files are opened without waiting.
int gf_open(int folder, const char *path, int flags, unsigned mode);

// The same as gf_open on kernels without openat2: it walks by itself. For tests.
int gf_open_walking(int folder, const char *path, int flags, unsigned mode);

// The flags of gf_open for a handle that only names a file: it is not opened, so nothing happens.
int gf_naming_flags(void);

// Opens what a descriptor of this process stands for anew, for a description of its own.
int gf_reopen(int descriptor, int flags);

// Entries of a folder, as getdents64 lays them out; 0 at the end.
ssize_t gf_entries(int folder, void *buffer, size_t size);

// Access and modification time of what a handle names, a symbolic link included.
int gf_set_times(int handle, const struct timespec times[2]);

// Times that stand for the present, and for one that stays.
long gf_time_now(void);
long gf_time_omitted(void);

int gf_allocate(int file, int64_t offset, int64_t length);

// Bytes that can be read at once from a pipe, a socket or a terminal.
int gf_readable_bytes(int descriptor);

// A descriptor that becomes readable with gf_raise and is emptied by gf_lower.
int gf_signal(void);
void gf_raise(int signal);
void gf_lower(int signal);

#endif
