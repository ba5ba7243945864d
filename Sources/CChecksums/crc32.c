#include "CChecksums.h"

#if defined(__x86_64__)

#include <immintrin.h>

// The method: V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009.
//
// Bytes are a polynomial over GF(2), and the checksum is its remainder. A block of 128 bits that lies n bits before another
// one can be multiplied by x^n mod P, 64 bits at a time, and added to it without changing the remainder. Four blocks are
// folded 512 bits ahead at once, which hides the latency of the multiplication; in the end four become one, and one becomes
// 32 bits by Barrett's reduction.
//
// The factors, bit-reflected: x^(n+32) mod P and x^(n-32) mod P for a distance of n bits.
static const uint64_t ahead512[2] = {0x0154442bd4, 0x01c6e41596};
static const uint64_t ahead128[2] = {0x01751997d0, 0x00ccaa009e};
static const uint64_t to64 = 0x0163cd6124;
static const uint64_t barrett[2] = {0x01db710641, 0x01f7011641};

int weighbridge_crc32_is_accelerated(void) {
  return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

__attribute__((target("pclmul,sse4.1")))
static __m128i folded(__m128i block, __m128i factors, __m128i onto) {
  __m128i low = _mm_clmulepi64_si128(block, factors, 0x00);
  __m128i high = _mm_clmulepi64_si128(block, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

static __m128i loaded(const uint8_t *bytes) { return _mm_loadu_si128((const __m128i *)bytes); }

__attribute__((target("pclmul,sse4.1")))
uint32_t weighbridge_crc32_folded(uint32_t crc, const uint8_t *bytes, size_t count) {
  // ZIP's checksum begins and ends with all bits inverted.
  __m128i a = _mm_xor_si128(loaded(bytes), _mm_cvtsi32_si128((int)~crc));
  __m128i b = loaded(bytes + 16), c = loaded(bytes + 32), d = loaded(bytes + 48);
  bytes += 64;
  count -= 64;

  const __m128i far = _mm_loadu_si128((const __m128i *)ahead512);
  for (; count >= 64; bytes += 64, count -= 64) {
    a = folded(a, far, loaded(bytes));
    b = folded(b, far, loaded(bytes + 16));
    c = folded(c, far, loaded(bytes + 32));
    d = folded(d, far, loaded(bytes + 48));
  }

  const __m128i near = _mm_loadu_si128((const __m128i *)ahead128);
  a = folded(folded(folded(a, near, b), near, c), near, d);
  for (; count >= 16; bytes += 16, count -= 16) a = folded(a, near, loaded(bytes));

  // 128 bits to 64, the lower half and then 32 bits of what is left going ahead.
  const __m128i low32 = _mm_setr_epi32(-1, 0, -1, 0);
  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, near, 0x10));
  __m128i rest = _mm_clmulepi64_si128(_mm_and_si128(a, low32), _mm_cvtsi64_si128((long long)to64), 0x00);
  a = _mm_xor_si128(_mm_srli_si128(a, 4), rest);

  // Barrett: the quotient by multiplication with the reciprocal, the remainder by subtraction.
  const __m128i reduction = _mm_loadu_si128((const __m128i *)barrett);
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(a, low32), reduction, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low32), reduction, 0x00);
  a = _mm_xor_si128(a, quotient);
  return ~(uint32_t)_mm_extract_epi32(a, 1);
}

#else

int weighbridge_crc32_is_accelerated(void) { return 0; }

uint32_t weighbridge_crc32_folded(uint32_t crc, const uint8_t *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return crc;
}

#endif
