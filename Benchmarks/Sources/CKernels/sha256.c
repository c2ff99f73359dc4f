#include "kernels.h"

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t turned(uint32_t word, int by) { return word >> by | word << (32 - by); }

static void digest_block(uint32_t state[8], const uint32_t block[16]) {
  uint32_t words[64], now[8];
  for (int i = 0; i < 16; i++) words[i] = block[i];
  for (int i = 16; i < 64; i++) {
    uint32_t a = words[i - 15], b = words[i - 2];
    words[i] = words[i - 16] + (turned(a, 7) ^ turned(a, 18) ^ a >> 3) + words[i - 7]
        + (turned(b, 17) ^ turned(b, 19) ^ b >> 10);
  }
  for (int i = 0; i < 8; i++) now[i] = state[i];
  for (int i = 0; i < 64; i++) {
    uint32_t e = now[4], a = now[0];
    uint32_t one = now[7] + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25))
        + ((e & now[5]) ^ (~e & now[6])) + constants[i] + words[i];
    uint32_t two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22))
        + ((a & now[1]) ^ (a & now[2]) ^ (now[1] & now[2]));
    for (int k = 7; k > 0; k--) now[k] = now[k - 1];
    now[4] += one;
    now[0] = one + two;
  }
  for (int i = 0; i < 8; i++) state[i] += now[i];
}

// `rounds` blocks of 64 bytes.
uint64_t kernel_sha256(uint32_t rounds) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint32_t block[16] = {0};
  for (uint32_t round = 0; round < rounds; round++) {
    block[round % 16] += round + 1;
    digest_block(state, block);
  }
  return (uint64_t)state[0] << 32 | state[1];
}
