// What Swift's Glibc module does not export.
#ifndef CLOCALSYSTEM_H
#define CLOCALSYSTEM_H

// Settings of the C library's heap; see Heap.keepCompact.
void ls_heap_settings(int arenas, int mmap_threshold, int trim_threshold);

#endif
