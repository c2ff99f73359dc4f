// Runs for long, as a service does: says what happens to it, a line for each, to standard error.
//
//     begins N START    N counts in its memory, and so is 1 in a fresh instance
//     ends              its standard input has ended: it was told to
//
// MODE in its environment says what else it does: `crash` traps after AFTER milliseconds, `exit` ends then
// with status 0, `fail` with status 7, `deaf` never looks at its input, `spin` uses all of a CPU, `count` adds
// 1 to the key `starts` of the bucket `kept` and publishes to `services/up`, `flood` writes without end,
// `tick` publishes to `services/tick` every AFTER milliseconds, and ends when that is refused. Otherwise
// it waits.
#include "host.h"

WASI_IMPORT(environ_sizes_get)
uint32_t wasi_environ_sizes_get(size_t *count, size_t *size);
WASI_IMPORT(environ_get)
uint32_t wasi_environ_get(char **variables, char *text);

enum { monotonic_clock = 1, clock_tag = 0, read_tag = 1, most_variables = 64, most_text = 8192 };

typedef struct {
  uint64_t user_data;
  uint64_t tag;
  uint64_t what;  // the clock, or the descriptor
  uint64_t timeout;
  uint64_t precision;
  uint64_t flags;
} subscription;

_Static_assert(sizeof(subscription) == 48, "as the specification lays it out");

static char *variables[most_variables];
static char text[most_text];
static int begun;

static const char *variable(const char *name) {
  for (size_t index = 0; index < most_variables && variables[index]; index++) {
    const char *entry = variables[index], *wanted = name;
    while (*wanted && *entry == *wanted) entry++, wanted++;
    if (*wanted == 0 && *entry == '=') return entry + 1;
  }
  return "";
}

static int is(const char *one, const char *other) {
  while (*one && *one == *other) one++, other++;
  return *one == *other;
}

static void say(const char *line, const char *more) {
  static host_text said;
  said.length = 0;
  host_append(&said, line);
  host_append(&said, more);
  host_append(&said, "\n");
  wasi_write(wasi_error, said.bytes, said.length);
}

// Waits for so long, or until the input ends, when it listens. Whether it has ended.
static int wait(uint64_t milliseconds, int listens) {
  subscription waited[2] = {
      {.tag = clock_tag, .what = monotonic_clock, .timeout = milliseconds * 1000000},
      {.user_data = 1, .tag = read_tag, .what = wasi_input}};
  uint64_t events[2][4];
  size_t ready = 0;
  if (wasi_poll_oneoff(waited, events, listens ? 2 : 1, &ready) != 0) wasi_proc_exit(74);
  for (size_t index = 0; index < ready; index++) {
    if (events[index][0] == 1) return 1;
  }
  return 0;
}

static void ask(const char *request) {
  static host_text line;
  line.length = 0;
  host_append(&line, request);
  if (!host_ask(&line)) wasi_proc_exit(9);
}

void _start(void) {
  size_t count = 0, size = 0;
  if (wasi_environ_sizes_get(&count, &size) != 0 || count > most_variables || size > most_text)
    wasi_proc_exit(74);
  if (wasi_environ_get(variables, text) != 0) wasi_proc_exit(74);
  const char *mode = variable("MODE");
  begun++;
  say(begun == 1 ? "begins 1 " : "begins again ", variable("WASMATRIX_START"));
  if (is(mode, "count")) {
    ask("{\"merge\":{\"bucket\":\"kept\",\"key\":\"starts\",\"function\":\"add\",\"value\":\"1\"}}");
    ask("{\"publish\":{\"topic\":\"services/up\",\"data\":\"up\"}}");
  }
  for (volatile int spinning = is(mode, "spin"); spinning;) {}
  while (is(mode, "flood")) say("water water water water water water water water", "");
  uint64_t after = 0;
  for (const char *digit = variable("AFTER"); *digit >= '0' && *digit <= '9'; digit++)
    after = after * 10 + (uint64_t)(*digit - '0');
  int ends_itself = is(mode, "crash") || is(mode, "exit") || is(mode, "fail");
  int deaf = is(mode, "deaf"), ticks = is(mode, "tick");
  while (!wait(ends_itself || ticks ? after : 3600000, !deaf)) {
    if (is(mode, "crash")) __builtin_trap();
    if (is(mode, "exit")) return;
    if (is(mode, "fail")) wasi_proc_exit(7);
    if (ticks) ask("{\"publish\":{\"topic\":\"services/tick\",\"data\":\"tick\"}}");
  }
  uint8_t byte;
  if (wasi_read(&byte, 1) != 0) wasi_proc_exit(73);
  say("ends", "");
}
