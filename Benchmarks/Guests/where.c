// Says on which node it runs, and in which version.
#include "wasi.h"

WASI_IMPORT(environ_sizes_get)
uint32_t wasi_environ_sizes_get(size_t *count, size_t *size);
WASI_IMPORT(environ_get)
uint32_t wasi_environ_get(char **variables, char *text);

static char *variables[64];
static char text[8192];

static void say(const char *name, size_t count) {
  for (size_t index = 0; index < count; index++) {
    const char *entry = variables[index], *wanted = name;
    while (*wanted && *entry == *wanted) entry++, wanted++;
    if (*wanted) continue;
    size_t length = 0;
    while (entry[length]) length++;
    wasi_write(wasi_output, (const uint8_t *)entry, length);
    wasi_write(wasi_output, (const uint8_t *)" ", 1);
  }
}

void _start(void) {
  size_t count = 0, size = 0;
  if (wasi_environ_sizes_get(&count, &size) != 0 || count > 64 || size > sizeof text)
    wasi_proc_exit(74);
  if (wasi_environ_get(variables, text) != 0) wasi_proc_exit(74);
  say("WASMATRIX_NODE=", count);
  say("WASMATRIX_VERSION=", count);
}
