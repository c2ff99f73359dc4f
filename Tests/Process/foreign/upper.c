// A command as others write them: C library, heap, environment, files, sleep, exit status.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv) {
  size_t capacity = 1 << 16, length = 0;
  char *bytes = malloc(capacity);
  for (;;) {
    size_t got = fread(bytes + length, 1, capacity - length, stdin);
    if (got == 0) break;
    length += got;
    if (length < capacity) continue;
    capacity *= 2;
    bytes = realloc(bytes, capacity);
    if (bytes == NULL) return 9;
  }
  const char *greeting = getenv("GREETING");
  const char *topic = getenv("CE_TOPIC");
  FILE *secret = fopen("/etc/passwd", "r");
  fprintf(stderr, "arguments %d, greeting %s, topic %s, files %s\n", argc,
          greeting ? greeting : "none", topic ? topic : "none", secret ? "OPEN" : strerror(errno));
  struct timespec pause = {0, 3000000};
  if (nanosleep(&pause, NULL) != 0) return 8;
  for (size_t i = 0; i < length; i++) bytes[i] = (char)toupper((unsigned char)bytes[i]);
  if (fwrite(bytes, 1, length, stdout) != length) return 7;
  return length >= 5 && memcmp(bytes, "EXIT3", 5) == 0 ? 3 : 0;
}
