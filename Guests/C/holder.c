// Has one effect after the other, each a request to a server that counts them: who may have some is for the
// platform to say, and for the server to check.
//
// Each is a POST to SINK/MODULE/FENCE/NODE/NAME/NUMBER. A service is named after its start and goes on until it is
// told to end, whatever it is answered. A command takes its name from its input, has STEPS effects 20 ms apart and
// says what the last one was answered, or what the first that was kept back was. With TOPIC a service publishes its fence
// and its node there besides.
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

static char *variables[most_variables];
static char text[most_text];
static host_text line;

static const char *variable(const char *name) {
  for (size_t index = 0; index < most_variables && variables[index]; index++) {
    const char *entry = variables[index], *wanted = name;
    while (*wanted && *entry == *wanted) entry++, wanted++;
    if (*wanted == 0 && *entry == '=') return entry + 1;
  }
  return "";
}

// Waits 20 ms, or until the input ends, when it listens. Whether it has ended.
static int wait(int listens) {
  subscription waited[2] = {
      {.tag = clock_tag, .what = monotonic_clock, .timeout = 20000000},
      {.user_data = 1, .tag = read_tag, .what = wasi_input}};
  uint64_t events[2][4];
  size_t ready = 0;
  if (wasi_poll_oneoff(waited, events, listens ? 2 : 1, &ready) != 0) wasi_proc_exit(74);
  for (size_t index = 0; index < ready; index++) {
    if (events[index][0] == 1) return 1;
  }
  return 0;
}

static void append_number(uint64_t number) {
  char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = (char)('0' + number % 10); while (number /= 10);
  host_append(&line, digits + at);
}

// Whether it was let out. The answer is in the line.
static int have_effect(const uint8_t *name, size_t length, uint64_t number) {
  line.length = 0;
  host_append(&line, "{\"http\":{\"method\":\"POST\",\"url\":\"");
  host_append(&line, variable("SINK"));
  for (const char *const *part = (const char *const[]){
           "WASMATRIX_MODULE", "WASMATRIX_FENCE", "WASMATRIX_NODE", 0};
       *part; part++) {
    host_append(&line, "/");
    host_append(&line, variable(*part));
  }
  host_append(&line, "/");
  host_append_quoted(&line, name, length);
  host_append(&line, "/");
  append_number(number);
  host_append(&line, "\"}}");
  return host_ask(&line);
}

static void publish_fence(void) {
  line.length = 0;
  host_append(&line, "{\"publish\":{\"topic\":\"");
  host_append(&line, variable("TOPIC"));
  host_append(&line, "\",\"data\":\"");
  host_append(&line, variable("WASMATRIX_FENCE"));
  host_append(&line, " ");
  host_append(&line, variable("WASMATRIX_NODE"));
  host_append(&line, "\"}}");
  host_ask(&line);
}

void _start(void) {
  size_t count = 0, size = 0;
  if (wasi_environ_sizes_get(&count, &size) != 0 || count > most_variables || size > most_text)
    wasi_proc_exit(74);
  if (wasi_environ_get(variables, text) != 0) wasi_proc_exit(74);
  const char *start = variable("WASMATRIX_START");
  if (*start) {
    size_t length = 0;
    while (start[length]) length++;
    for (uint64_t number = 0; !wait(1); number++) {
      have_effect((const uint8_t *)start, length, number);
      if (*variable("TOPIC")) publish_fence();
    }
    return;
  }
  static uint8_t name[64];
  size_t length = 0, got;
  while (length < sizeof name && (got = wasi_read(name + length, sizeof name - length)) > 0) length += got;
  uint64_t steps = 0;
  for (const char *digit = variable("STEPS"); *digit >= '0' && *digit <= '9'; digit++)
    steps = steps * 10 + (uint64_t)(*digit - '0');
  for (uint64_t number = 0; number < steps && have_effect(name, length, number); number++) wait(0);
  wasi_write(wasi_output, line.bytes, line.length);
}
