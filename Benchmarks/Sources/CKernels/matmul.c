#include "kernels.h"

enum { size = 96 };

typedef float lanes __attribute__((vector_size(16)));

static _Alignas(16) float left[size][size], right[size][size], product[size][size];

static void fill(void) {
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) {
      left[i][j] = (float)((i * 7 + j * 3) % 11) * 0.25f;
      right[i][j] = (float)((i * 5 + j * 2) % 13) * 0.5f;
      product[i][j] = 0;
    }
}

static uint64_t sum(void) {
  double all = 0;
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) all += (double)product[i][j];
  return (uint64_t)(int64_t)all;
}

// `rounds` products of two matrices of 96 by 96 floats, one by one.
uint64_t kernel_matmul(uint32_t rounds) {
  fill();
  for (uint32_t round = 0; round < rounds; round++)
    for (int i = 0; i < size; i++)
      for (int k = 0; k < size; k++) {
        float factor = left[i][k];
        // What is compared is the same code: without vectors on both sides.
#pragma clang loop vectorize(disable) interleave(disable)
        for (int j = 0; j < size; j++) product[i][j] += factor * right[k][j];
      }
  return sum();
}

uint64_t kernel_matmul_vectors(uint32_t rounds) {
  fill();
  for (uint32_t round = 0; round < rounds; round++)
    for (int i = 0; i < size; i++)
      for (int k = 0; k < size; k++) {
        float one = left[i][k];
        lanes factor = {one, one, one, one};
        lanes *row = (lanes *)product[i];
        const lanes *other = (const lanes *)right[k];
        for (int j = 0; j < size / 4; j++) row[j] += factor * other[j];
      }
  return sum();
}
