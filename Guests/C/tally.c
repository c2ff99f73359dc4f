// Counts the events it is given in the bucket `tally`, and publishes each to `tallied/event`. What it asks
// for takes effect together with the acknowledgement of the event, so that the count is exact however
// often an event is tried.
#include "host.h"

static host_text text;
static uint8_t input[1024];

static void ask(void) {
  if (host_ask(&text)) return;
  wasi_write(wasi_error, text.bytes, text.length);
  wasi_proc_exit(1);
}

void _start(void) {
  size_t length = wasi_read(input, sizeof input);

  host_append(&text, "{\"merge\":{\"bucket\":\"tally\",\"key\":\"events\",\"function\":\"add\",");
  host_append(&text, "\"value\":\"1\"}}");
  ask();

  text.length = 0;
  host_append(&text, "{\"publish\":{\"topic\":\"tallied/event\",\"data\":\"");
  host_append_quoted(&text, input, length);
  host_append(&text, "\"}}");
  ask();
}
