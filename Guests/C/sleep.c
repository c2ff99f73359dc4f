// Sleeps for as many milliseconds as its input says in decimal digits, then says so.
#include "wasi.h"

// A subscription of poll_oneoff to a clock.
typedef struct {
  uint64_t user_data;
  uint8_t tag;
  _Alignas(8) uint32_t clock;
  uint64_t timeout;
  uint64_t precision;
  uint16_t flags;
} clock_subscription;

_Static_assert(sizeof(clock_subscription) == 48, "as the specification lays it out");
_Static_assert(offsetof(clock_subscription, clock) == 16, "the union is aligned to 8 bytes");

enum { monotonic_clock = 1, longest = 3600000 };

void _start(void) {
  static uint8_t input[16];
  static const char done[] = "slept\n";
  size_t length = wasi_read(input, sizeof input);
  uint64_t milliseconds = 0;
  for (size_t index = 0; index < length && input[index] >= '0' && input[index] <= '9'; index++) {
    milliseconds = milliseconds * 10 + (input[index] - '0');
    if (milliseconds > longest) milliseconds = longest;
  }
  clock_subscription subscription = {.clock = monotonic_clock, .timeout = milliseconds * 1000000};
  uint8_t event[32] __attribute__((aligned(8)));
  size_t ready = 0;
  if (wasi_poll_oneoff(&subscription, event, 1, &ready) != 0) wasi_proc_exit(74);
  wasi_write(wasi_output, (const uint8_t *)done, sizeof done - 1);
}
