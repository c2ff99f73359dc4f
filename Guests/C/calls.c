// Makes calls of WASI preview 1, sockets left out, as its input says, one a line, and writes the error number of each and
// what came of it. Words are numbers, in decimal or 0x..., or texts in quotes; each text takes two
// arguments, as paths and buffers do. A word `@N` is the result of line N, from 0 on.
//
//     path_open 3 0 "file" 1 0x42 0 0     ->   0 4
//     fd_write @0 "hello"                 ->   0 5
//
// `list_all FOLDER SIZE` reads a folder to its end through a buffer of that size.
#include "wasi.h"

typedef uint32_t word;
typedef uint64_t wide;

#define CALL(name, ...) WASI_IMPORT(name) word call_##name(__VA_ARGS__)
CALL(fd_advise, word, wide, wide, word);
CALL(fd_allocate, word, wide, wide);
CALL(fd_close, word);
CALL(fd_datasync, word);
CALL(fd_fdstat_get, word, void *);
CALL(fd_fdstat_set_flags, word, word);
CALL(fd_fdstat_set_rights, word, wide, wide);
CALL(fd_filestat_get, word, void *);
CALL(fd_filestat_set_size, word, wide);
CALL(fd_filestat_set_times, word, wide, wide, word);
CALL(fd_pread, word, const wasi_buffer *, size_t, wide, size_t *);
CALL(fd_prestat_get, word, void *);
CALL(fd_prestat_dir_name, word, void *, size_t);
CALL(fd_pwrite, word, const wasi_buffer *, size_t, wide, size_t *);
CALL(fd_readdir, word, void *, size_t, wide, size_t *);
CALL(fd_renumber, word, word);
CALL(fd_seek, word, wide, word, wide *);
CALL(fd_sync, word);
CALL(fd_tell, word, wide *);
CALL(path_create_directory, word, const char *, size_t);
CALL(path_filestat_get, word, word, const char *, size_t, void *);
CALL(path_filestat_set_times, word, word, const char *, size_t, wide, wide, word);
CALL(path_link, word, word, const char *, size_t, word, const char *, size_t);
CALL(path_open, word, word, const char *, size_t, word, wide, wide, word, word *);
CALL(path_readlink, word, const char *, size_t, void *, size_t, size_t *);
CALL(path_remove_directory, word, const char *, size_t);
CALL(path_rename, word, const char *, size_t, word, const char *, size_t);
CALL(path_symlink, const char *, size_t, word, const char *, size_t);
CALL(path_unlink_file, word, const char *, size_t);
CALL(clock_res_get, word, wide *);
CALL(random_get, void *, size_t);
CALL(sched_yield, void);
CALL(proc_raise, word);

enum { most_input = 1 << 18, most_arguments = 10, most_lines = 4096, most_bytes = 1 << 16 };

static uint8_t input[most_input];
static uint8_t bytes[most_bytes] __attribute__((aligned(8)));
static wide results[most_lines];
static size_t line_number;

// The arguments of the line that is being run.
static wide arguments[most_arguments];
static const char *texts[most_arguments];
static size_t count;

static void put(const char *text, size_t length) { wasi_write(wasi_output, (const uint8_t *)text, length); }

static void put_number(wide number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  put(digits + at, sizeof digits - at);
}

static int is(const char *name, size_t length, const char *expected) {
  for (size_t index = 0; index < length; index++) {
    if (expected[index] == 0 || expected[index] != name[index]) return 0;
  }
  return expected[length] == 0;
}

static wide number_at(const char *at, const char *end) {
  wide number = 0;
  int is_negative = at < end && *at == '-';
  if (is_negative) at++;
  if (at < end && *at == '@') {
    number = number_at(at + 1, end);
    return number < most_lines ? results[number] : 0;
  }
  if (end - at > 2 && at[0] == '0' && at[1] == 'x') {
    for (at += 2; at < end; at++) {
      wide digit = *at <= '9' ? *at - '0' : (*at | 32) - 'a' + 10;
      number = number * 16 + digit;
    }
  } else {
    for (; at < end; at++) number = number * 10 + (wide)(*at - '0');
  }
  return is_negative ? -number : number;
}

// Takes the words of a line apart; the first is the name of the call.
static size_t read_line(char *at, char *end, char **name) {
  *name = at;
  while (at < end && *at != ' ') at++;
  size_t length = (size_t)(at - *name);
  for (count = 0; at < end && count + 1 < most_arguments;) {
    if (*at == ' ') {
      at++;
    } else if (*at == '"') {
      char *text = ++at;
      while (at < end && *at != '"') at++;
      texts[count] = text;
      arguments[count++] = (wide)(size_t)text;
      arguments[count++] = (wide)(at - text);
      if (at < end) at++;
    } else {
      char *word = at;
      while (at < end && *at != ' ') at++;
      arguments[count++] = number_at(word, at);
    }
  }
  return length;
}

static void put_entries(size_t used) {
  for (size_t at = 0; at + 24 <= used;) {
    uint32_t length = *(uint32_t *)(bytes + at + 16);
    put(" ", 1);
    put_number(bytes[at + 20]);
    put(":", 1);
    size_t rest = used - at - 24;
    put((const char *)bytes + at + 24, length < rest ? length : rest);
    // The next one need not be aligned: it is moved to where this one was.
    at += 24 + length;
    for (size_t index = at; index < used; index++) bytes[index - at] = bytes[index];
    used = used > at ? used - at : 0;
    at = 0;
  }
}

// Reads a whole folder through a small buffer, as C libraries do: from the cookie of the last whole entry
// on, until the buffer is not filled.
static word list_all(word folder, size_t size) {
  wide cookie = 0;
  for (;;) {
    size_t used = 0;
    word error = call_fd_readdir(folder, bytes, size, cookie, &used);
    if (error != 0 || used < 24) return error;
    size_t rest = used, whole = 0;
    // Each is moved to the beginning, where its numbers are aligned.
    while (rest >= 24 && 24 + *(uint32_t *)(bytes + 16) <= rest) {
      size_t length = *(uint32_t *)(bytes + 16);
      cookie = *(wide *)bytes;
      put(" ", 1), put((const char *)bytes + 24, length);
      rest -= 24 + length;
      for (size_t index = 0; index < rest; index++) bytes[index] = bytes[24 + length + index];
      whole++;
    }
    if (used < size || whole == 0) return 0;
  }
}

#define A(index) ((word)arguments[index])
#define W(index) (arguments[index])
#define P(index) ((const char *)(size_t)arguments[index])
#define NAME(call) is(name, length, #call)

// Calls of which nothing but the error number is told.
static word plain(const char *name, size_t length, int *is_known) {
  *is_known = 1;
  if (NAME(fd_advise)) return call_fd_advise(A(0), W(1), W(2), A(3));
  if (NAME(fd_allocate)) return call_fd_allocate(A(0), W(1), W(2));
  if (NAME(fd_close)) return call_fd_close(A(0));
  if (NAME(fd_datasync)) return call_fd_datasync(A(0));
  if (NAME(fd_fdstat_set_flags)) return call_fd_fdstat_set_flags(A(0), A(1));
  if (NAME(fd_fdstat_set_rights)) return call_fd_fdstat_set_rights(A(0), W(1), W(2));
  if (NAME(fd_filestat_set_size)) return call_fd_filestat_set_size(A(0), W(1));
  if (NAME(fd_filestat_set_times)) return call_fd_filestat_set_times(A(0), W(1), W(2), A(3));
  if (NAME(fd_renumber)) return call_fd_renumber(A(0), A(1));
  if (NAME(fd_sync)) return call_fd_sync(A(0));
  if (NAME(path_create_directory)) return call_path_create_directory(A(0), P(1), A(2));
  if (NAME(path_filestat_set_times))
    return call_path_filestat_set_times(A(0), A(1), P(2), A(3), W(4), W(5), A(6));
  if (NAME(path_link)) return call_path_link(A(0), A(1), P(2), A(3), A(4), P(5), A(6));
  if (NAME(path_remove_directory)) return call_path_remove_directory(A(0), P(1), A(2));
  if (NAME(path_rename)) return call_path_rename(A(0), P(1), A(2), A(3), P(4), A(5));
  if (NAME(path_symlink)) return call_path_symlink(P(0), A(1), A(2), P(3), A(4));
  if (NAME(path_unlink_file)) return call_path_unlink_file(A(0), P(1), A(2));
  if (NAME(random_get)) return call_random_get(bytes, A(0));
  if (NAME(sched_yield)) return call_sched_yield();
  if (NAME(proc_raise)) return call_proc_raise(A(0));
  *is_known = 0;
  return 0;
}

// Calls that answer with a number.
static word numeric(const char *name, size_t length, wide *result, int *is_known) {
  *is_known = 1;
  size_t size = 0;
  word descriptor = 0, error;
  if (NAME(fd_seek)) return call_fd_seek(A(0), W(1), A(2), result);
  if (NAME(fd_tell)) return call_fd_tell(A(0), result);
  if (NAME(clock_res_get)) return call_clock_res_get(A(0), result);
  if (NAME(path_open)) {
    error = call_path_open(A(0), A(1), P(2), A(3), A(4), W(5), W(6), A(7), &descriptor);
    *result = descriptor;
    return error;
  }
  if (NAME(fd_write) || NAME(fd_pwrite)) {
    wasi_buffer buffer = {(uint8_t *)(size_t)W(1), (size_t)W(2)};
    error = NAME(fd_write) ? wasi_fd_write(A(0), &buffer, 1, &size)
                           : call_fd_pwrite(A(0), &buffer, 1, W(3), &size);
    *result = size;
    return error;
  }
  *is_known = 0;
  return 0;
}

// Calls that answer with bytes.
static word filling(const char *name, size_t length, size_t *size, int *is_known) {
  *is_known = 1;
  if (NAME(fd_read) || NAME(fd_pread)) {
    wasi_buffer buffer = {bytes, (size_t)W(1) < most_bytes ? (size_t)W(1) : most_bytes};
    return NAME(fd_read) ? wasi_fd_read(A(0), &buffer, 1, size)
                         : call_fd_pread(A(0), &buffer, 1, W(2), size);
  }
  if (NAME(path_readlink))
    return call_path_readlink(A(0), P(1), A(2), bytes, A(3), size);
  if (NAME(fd_prestat_dir_name)) {
    *size = A(1);
    return call_fd_prestat_dir_name(A(0), bytes, A(1));
  }
  *is_known = 0;
  return 0;
}

// Calls that answer with a description: the numbers of it that tests look at.
static word describing(const char *name, size_t length, wide told[5], size_t *most, int *is_known) {
  *is_known = 1;
  word error = 0;
  wide *wides = (wide *)bytes;
  if (NAME(fd_filestat_get) || NAME(path_filestat_get)) {
    error = NAME(fd_filestat_get) ? call_fd_filestat_get(A(0), bytes)
                                  : call_path_filestat_get(A(0), A(1), P(2), A(3), bytes);
    // Type, links, size, access and modification time.
    wide status[5] = {bytes[16], wides[3], wides[4], wides[5], wides[6]};
    for (*most = 0; *most < 5; ++*most) told[*most] = status[*most];
  } else if (NAME(fd_fdstat_get)) {
    error = call_fd_fdstat_get(A(0), bytes);
    wide status[4] = {bytes[0], *(uint16_t *)(bytes + 2), wides[1], wides[2]};
    for (*most = 0; *most < 4; ++*most) told[*most] = status[*most];
  } else if (NAME(fd_prestat_get)) {
    error = call_fd_prestat_get(A(0), bytes);
    told[0] = bytes[0];
    told[1] = *(uint32_t *)(bytes + 4);
    *most = 2;
  } else {
    *is_known = 0;
  }
  return error;
}

// poll_oneoff TIMEOUT DESCRIPTOR KIND ...: waits for a clock (no clock when the time is 0) and for
// descriptors (kind 1: reading, 2: writing); tells of each event its number, error, and hang-up.
static word poll_all(size_t *events) {
  static wide subscriptions[most_arguments][6], ready[most_arguments][4];
  size_t most = 0;
  if (W(0) > 0) {
    wide timer[6] = {99, 0, 1, W(0), 0, 0};
    for (size_t index = 0; index < 6; index++) subscriptions[0][index] = timer[index];
    most = 1;
  }
  for (size_t index = 1; index + 1 < count; index += 2, most++) {
    wide watched[6] = {index / 2, W(index + 1) & 0xff, W(index), 0, 0, 0};
    for (size_t part = 0; part < 6; part++) subscriptions[most][part] = watched[part];
  }
  word error = wasi_poll_oneoff(subscriptions, ready, most, events);
  put_number(error);
  for (size_t index = 0; error == 0 && index < *events; index++) {
    put(" ", 1), put_number(ready[index][0]);
    put(":", 1), put_number(ready[index][1] & 0xffff);
    put(":", 1), put_number(ready[index][3] & 1);
  }
  return error;
}

static void run_line(char *at, char *end) {
  char *name;
  size_t length = read_line(at, end, &name), size = 0, most = 0;
  wide result = 0, told[5] = {0};
  int is_known;
  word error = plain(name, length, &is_known);
  if (is_known) {
    put_number(error);
  } else if (error = numeric(name, length, &result, &is_known), is_known) {
    put_number(error);
    if (error == 0) put(" ", 1), put_number(result);
  } else if (error = filling(name, length, &size, &is_known), is_known) {
    put_number(error);
    if (error == 0) put(" ", 1), put((const char *)bytes, size);
  } else if (error = describing(name, length, told, &most, &is_known), is_known) {
    put_number(error);
    for (size_t index = 0; error == 0 && index < most; index++) put(" ", 1), put_number(told[index]);
  } else if (NAME(list_all)) {
    put("0", 1);
    list_all(A(0), A(1));
  } else if (NAME(poll_oneoff)) {
    poll_all(&size);
  } else if (NAME(fd_readdir)) {
    put_number(error = call_fd_readdir(A(0), bytes, A(1), W(2), &size));
    if (error == 0) put(" ", 1), put_number(size), put_entries(size);
  } else {
    put("unknown call", 12);
  }
  put("\n", 1);
  if (line_number < most_lines) results[line_number++] = result;
}

void _start(void) {
  size_t length = 0, piece;
  while (length < most_input && (piece = wasi_read(input + length, most_input - length)) > 0) {
    length += piece;
  }
  for (size_t at = 0; at < length;) {
    size_t end = at;
    while (end < length && input[end] != '\n') end++;
    if (end > at) run_line((char *)input + at, (char *)input + end);
    at = end + 1;
  }
}
