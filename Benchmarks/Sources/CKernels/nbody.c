#include "kernels.h"

typedef struct { double x, y, z, vx, vy, vz, mass; } body;

enum { bodies = 5 };

// Five bodies that attract each other, `rounds` steps.
uint64_t kernel_nbody(uint32_t rounds) {
  body all[bodies] = {
      {0, 0, 0, 0, 0, 0, 39.47},
      {4.84, -1.16, -0.10, 0.60, 2.81, -0.02, 0.037},
      {8.34, 4.12, -0.40, -1.01, 1.82, 0.008, 0.011},
      {12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017},
      {15.37, -25.91, 0.17, 0.97, 0.59, -0.03, 0.002}};
  const double step = 0.01;
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < bodies; i++) {
      for (int j = i + 1; j < bodies; j++) {
        body *a = &all[i], *b = &all[j];
        double x = a->x - b->x, y = a->y - b->y, z = a->z - b->z;
        double square = x * x + y * y + z * z;
        double pull = step / (square * __builtin_sqrt(square));
        a->vx -= x * b->mass * pull;
        a->vy -= y * b->mass * pull;
        a->vz -= z * b->mass * pull;
        b->vx += x * a->mass * pull;
        b->vy += y * a->mass * pull;
        b->vz += z * a->mass * pull;
      }
    }
    for (int i = 0; i < bodies; i++) {
      all[i].x += step * all[i].vx;
      all[i].y += step * all[i].vy;
      all[i].z += step * all[i].vz;
    }
  }
  return (uint64_t)(int64_t)(all[1].x * 1e9);
}
