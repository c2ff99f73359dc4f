#include "kernels.h"

__attribute__((noinline)) static uint64_t fib(uint32_t n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

// The number at `rounds`, by as many calls.
uint64_t kernel_fib(uint32_t rounds) { return fib(rounds); }
