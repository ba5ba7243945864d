#include "CChecksums.h"

// SHA-256, FIPS 180-4. The constants are the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
static const uint32_t constants[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turned(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

void weighbridge_sha256_portable(uint32_t state[8], const uint8_t *bytes, size_t blocks) {
  for (; blocks > 0; bytes += 64, blocks -= 1) {
    uint32_t words[64];
    for (int place = 0; place < 16; place += 1) {
      const uint8_t *at = bytes + 4 * place;
      words[place] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (int place = 16; place < 64; place += 1) {
      uint32_t near = words[place - 15], far = words[place - 2];
      words[place] = words[place - 16] + (turned(near, 7) ^ turned(near, 18) ^ near >> 3)
        + words[place - 7] + (turned(far, 17) ^ turned(far, 19) ^ far >> 10);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int round = 0; round < 64; round += 1) {
      uint32_t first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g))
        + constants[round] + words[round];
      uint32_t second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g; g = f; f = e; e = d + first;
      d = c; c = b; b = a; a = first + second;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d;
    state[4] += e; state[5] += f; state[6] += g; state[7] += h;
  }
}

#if defined(__x86_64__)

#include <immintrin.h>

int weighbridge_sha256_is_accelerated(void) {
  return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sha");
}

// Four rounds are two instructions, of which each takes two words; the schedule of the words four rounds ahead is made between them
// (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, SHA256RNDS2).
__attribute__((target("sha,sse4.1,ssse3")))
void weighbridge_sha256_accelerated(uint32_t state[8], const uint8_t *bytes, size_t blocks) {
  const __m128i bigEndian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  // The instructions want the state as (a, b, e, f) and (c, d, g, h), the first in the highest place.
  __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
  __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
  __m128i abef = _mm_alignr_epi8(low, high, 8);
  __m128i cdgh = _mm_blend_epi16(high, low, 0xF0);

  for (; blocks > 0; bytes += 64, blocks -= 1) {
    __m128i before[2] = {abef, cdgh};
    __m128i words[4];
    // Not unrolled, the words would go through memory, as which of them is meant is not known before.
#pragma clang loop unroll(full)
    for (int part = 0; part < 16; part += 1) {
      __m128i current;
      if (part < 4) {
        current = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * part)), bigEndian);
      } else {
        // words[t] from words[t-16], [t-15], [t-7] and [t-2].
        __m128i last = words[(part + 3) & 3];
        __m128i sevenBack = _mm_alignr_epi8(last, words[(part + 2) & 3], 4);
        current = _mm_sha256msg1_epu32(words[part & 3], words[(part + 1) & 3]);
        current = _mm_sha256msg2_epu32(_mm_add_epi32(current, sevenBack), last);
      }
      words[part & 3] = current;
      __m128i added = _mm_add_epi32(current, _mm_loadu_si128((const __m128i *)(constants + 4 * part)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0E));
    }
    abef = _mm_add_epi32(abef, before[0]);
    cdgh = _mm_add_epi32(cdgh, before[1]);
  }

  low = _mm_shuffle_epi32(abef, 0x1B);
  high = _mm_shuffle_epi32(cdgh, 0xB1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xF0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

#else

int weighbridge_sha256_is_accelerated(void) { return 0; }

void weighbridge_sha256_accelerated(uint32_t state[8], const uint8_t *bytes, size_t blocks) {
  weighbridge_sha256_portable(state, bytes, blocks);
}

#endif
