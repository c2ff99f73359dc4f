// Kernels that compute and nothing else. Each is compiled twice from the same lines: as native code, and as a
// guest (scripts/build-kernels). Each returns what it computed, so that both can be compared.
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

uint64_t kernel_sha256(uint32_t rounds);
uint64_t kernel_nbody(uint32_t rounds);
uint64_t kernel_matmul(uint32_t rounds);
// The same with vectors of four floats.
uint64_t kernel_matmul_vectors(uint32_t rounds);
uint64_t kernel_fib(uint32_t rounds);

#endif
