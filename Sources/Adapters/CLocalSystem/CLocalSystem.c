#include "CLocalSystem.h"

#include <malloc.h>

void ls_heap_settings(int arenas, int mmap_threshold, int trim_threshold) {
  mallopt(M_ARENA_MAX, arenas);
  mallopt(M_MMAP_THRESHOLD, mmap_threshold);
  mallopt(M_TRIM_THRESHOLD, trim_threshold);
}
