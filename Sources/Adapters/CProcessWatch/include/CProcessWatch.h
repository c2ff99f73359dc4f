// A page of memory that two processes share, by which one of them learns at once that the other has
// ended: a robust mutex that a thread of the watched process holds for as long as this lives.
//
//   NEW ──pw_hold──> HELD ──pw_release──> ENDED
//                      │
//                      └──the process dies──> whoever waits in pw_wait hears PW_DIED
//
// The kernel lets go of the mutex before it frees the memory of a process and closes what it had open.
#ifndef CPROCESSWATCH_H
#define CPROCESSWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Datagrams that a watcher sends when the process has died, at most.
enum { PW_MOST_NOTICES = 4, PW_NOTICE_SIZE = 256, PW_ADDRESS_SIZE = 28 };

// A datagram, complete, and where it goes (sockaddr).
struct pw_notice {
  uint32_t size;
  uint32_t address_size;
  uint8_t bytes[PW_NOTICE_SIZE];
  uint8_t address[PW_ADDRESS_SIZE];
};

struct pw_page;

// Makes a page: in memory that only its descriptor leads to, or in a file that must not be there yet.
// Returns a descriptor, or -errno.
int pw_make(const char *path);
// Maps the page of a descriptor. Returns NULL (errno says why) when it is none.
struct pw_page *pw_map(int descriptor);
void pw_unmap(struct pw_page *page);

// Of the watched process. The thread that holds must be the one that releases. Returns 0 or errno.
int pw_hold(struct pw_page *page);
void pw_release(struct pw_page *page);
// What is to be sent when the process dies; replaces what was said before. One thread at a time.
void pw_announce(struct pw_page *page, const struct pw_notice *notices, size_t count);
// Which process holds it, or did last; 0 when none ever did.
pid_t pw_process(const struct pw_page *page);
// Whether it is held: neither new, nor let go of, nor cancelled.
bool pw_is_held(const struct pw_page *page);

// From now on a signal that means a crash (SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP)
// ends this process, whoever sent it, after what handled it before. To be called before an engine
// installs handlers that turn signals into traps, which must come first. Returns 0 or errno.
int pw_end_at_crash(void);
// Such a signal sends the notices of a page that is held, once, before anything else: what handles it
// may write a report first, and the process is not dead until then. Returns 0 or errno.
int pw_tell_at_crash(int descriptor);

enum pw_end { PW_ENDED, PW_DIED, PW_CANCELLED, PW_BROKEN };
// Waits until the process that holds, or is going to, has ended in one way or the other.
enum pw_end pw_wait(struct pw_page *page);
// Ends every pw_wait of this page within a second.
void pw_cancel(struct pw_page *page);
// The newest notices; returns how many. Only what fits its bounds.
size_t pw_notices(const struct pw_page *page, struct pw_notice notices[PW_MOST_NOTICES]);
// Sends a datagram, whatever comes of it.
void pw_send(const struct pw_notice *notice);

// Leads to the process that holds a page, whoever gets its number later: a descriptor, or -errno.
int pw_open_process(const struct pw_page *page);
// Takes real time from all threads of that process. To be called when it has died: the kernel frees its memory on the
// thread that ends last, which takes the longer the more it is, and one in real time is ahead of everything else on its
// processor meanwhile. Returns 0 or errno.
int pw_demote(const struct pw_page *page, int descriptor);

// Starts a program in a session of its own, with the page as descriptor 3 and no other but three to
// nowhere. Returns 0 or errno.
int pw_start(const char *program, int descriptor, pid_t *child);

#endif
