// Makes the file `kept` in the folder that it is granted, then sleeps for an hour.
#include "wasi.h"

WASI_IMPORT(path_open)
uint32_t wasi_path_open(
    uint32_t folder, uint32_t lookup, const char *path, size_t length, uint32_t how, uint64_t rights,
    uint64_t inheriting, uint32_t flags, uint32_t *file);

enum { granted_folder = 3, create = 1, write_right = 1 << 6, hour = 3600 };

void _start(void) {
  static const char name[] = "kept";
  uint32_t file = 0;
  if (wasi_path_open(granted_folder, 0, name, sizeof name - 1, create, write_right, 0, 0, &file) != 0)
    wasi_proc_exit(74);
  wasi_write(file, (const uint8_t *)name, sizeof name - 1);
  // The clock (1) at byte 16, the time at byte 24, as the specification lays a subscription out.
  uint64_t subscription[6] = {0, 0, 1, hour * UINT64_C(1000000000), 0, 0};
  uint64_t event[4];
  size_t ready = 0;
  wasi_poll_oneoff(subscription, event, 1, &ready);
}
