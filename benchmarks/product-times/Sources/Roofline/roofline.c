#define _GNU_SOURCE
#include "Roofline.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Sums that are independent of each other, more than the units' latency takes; the compiler may neither drop nor join rounds.
enum { SUMS = 10 };

#define FLOAT32(NAME, LANES)                                                                  \
  static double float32_##NAME(long rounds) {                                                 \
    typedef float vector __attribute__((ext_vector_type(LANES)));                             \
    volatile float one = 1;                                                                   \
    vector sums[SUMS], factor = (vector)(float)one;                                           \
    for (int i = 0; i < SUMS; i++) sums[i] = factor;                                          \
    for (long round = 0; round < rounds; round++) {                                           \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < SUMS; i++)                       \
          sums[i] = sums[i] * factor + factor;                                                \
      __asm__ volatile("");                                                                   \
    }                                                                                         \
    volatile float result = 0;                                                                \
    for (int i = 0; i < SUMS; i++) result += sums[i][0];                                      \
    return 2.0 * SUMS * LANES * (double)rounds;                                               \
  }

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,fma"))), apply_to = function)
FLOAT32(avx512, 16)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
FLOAT32(avx2, 8)
#pragma clang attribute pop
#endif
FLOAT32(portable, 4)

double roofline_float32(const char *name, long rounds) {
#if defined(__x86_64__)
  if (strncmp(name, "avx512", 6) == 0 || strcmp(name, "amx") == 0)
    return __builtin_cpu_supports("avx512f") ? float32_avx512(rounds) : 0;
  if (strncmp(name, "avx2", 4) == 0)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? float32_avx2(rounds)
                                                                          : 0;
#endif
  return strcmp(name, "portable") == 0 ? float32_portable(rounds) : 0;
}

#if defined(__x86_64__)
// int8 as pairs of 16 bits: a multiplication with an addition, and another addition.
#define PAIRS(NAME, TARGET, LANES, MADD, ADD, VECTOR, SET)                                    \
  __attribute__((target(TARGET))) static double pairs_##NAME(long rounds) {                   \
    volatile int one = 1;                                                                     \
    VECTOR sums[SUMS], factor = SET(one);                                                     \
    for (int i = 0; i < SUMS; i++) sums[i] = factor;                                          \
    for (long round = 0; round < rounds; round++) {                                           \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < SUMS; i++)                       \
          sums[i] = ADD(sums[i], MADD(sums[i], factor));                                      \
      __asm__ volatile("");                                                                   \
    }                                                                                         \
    volatile int result = 0;                                                                  \
    for (int i = 0; i < SUMS; i++) result += (int)((const long long *)&sums[i])[0];           \
    return 2.0 * SUMS * LANES * 2 * (double)rounds;                                           \
  }
PAIRS(avx2, "avx2", 8, _mm256_madd_epi16, _mm256_add_epi32, __m256i, _mm256_set1_epi32)
PAIRS(portable, "sse2", 4, _mm_madd_epi16, _mm_add_epi32, __m128i, _mm_set1_epi32)
#endif

double roofline_pairs(const char *name, long rounds) {
#if defined(__x86_64__)
  return strcmp(name, "avx2") == 0 ? pairs_avx2(rounds) : pairs_portable(rounds);
#else
  return roofline_float32(name, rounds);
#endif
}

// What a processor with neither tiles nor AVX-512 does.
static double float32_without(long rounds) {
  return roofline_float32(roofline_float32("avx2", 1) > 0 ? "avx2" : "portable", rounds);
}

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

// Four tiles of numbers as they come, of either type: the clock falls with the bits that change, and with zeros it is a fifth higher than products
// ever have it.
static const uint16_t *mixed_numbers(void) {
  static uint16_t numbers[4 * 512];
  for (uint32_t i = 0; i < 4 * 512; i++) {
    const uint32_t mixed = (i + 1) * 2654435761u;
    // bfloat16 from 0.03 to 0.5 of both signs.
    numbers[i] = (uint16_t)(0x3D00 + (mixed >> 20) % 512 + (mixed >> 12) % 2 * 0x8000);
  }
  return numbers;
}

// Tiles of AMX, four sums of four tiles.
#define TILES(NAME, DOT, TERMS)                                                               \
  __attribute__((target("amx-tile,amx-int8,amx-bf16"))) static double tiles_##NAME(           \
      long rounds) {                                                                          \
    static const unsigned char configuration[64] = {                                          \
        [0] = 1, [16] = 64, [18] = 64, [20] = 64, [22] = 64, [24] = 64, [26] = 64, [28] = 64, \
        [30] = 64, [48] = 16, [49] = 16, [50] = 16, [51] = 16, [52] = 16, [53] = 16,          \
        [54] = 16, [55] = 16};                                                                \
    const uint16_t *numbers = mixed_numbers();                                                \
    _tile_loadconfig(configuration);                                                          \
    _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);                               \
    _tile_loadd(4, numbers, 64), _tile_loadd(5, numbers + 512, 64);                           \
    _tile_loadd(6, numbers + 1024, 64), _tile_loadd(7, numbers + 1536, 64);                   \
    for (long round = 0; round < rounds; round++) {                                           \
      DOT(0, 4, 6);                                                                           \
      DOT(1, 4, 7);                                                                           \
      DOT(2, 5, 6);                                                                           \
      DOT(3, 5, 7);                                                                           \
    }                                                                                         \
    _tile_release();                                                                          \
    return 2.0 * 4 * 16 * 16 * TERMS * (double)rounds;                                        \
  }
TILES(int8, _tile_dpbssd, 64)
TILES(bfloat16, _tile_dpbf16ps, 32)

static int has_tiles(void) {
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return __builtin_cpu_supports("amx-int8") && __builtin_cpu_supports("amx-bf16") &&
         syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

// Vectors of AVX-512, where there are no tiles. A product of bfloat16 takes longer than one of float32, and so more sums.
#define VECTORS(NAME, TARGET, COUNT, STEP, TERMS)                                             \
  __attribute__((target(TARGET))) static double vectors_##NAME(long rounds) {                 \
    volatile int one = 1;                                                                     \
    __m512i sums[COUNT], factor = _mm512_set1_epi32(one);                                     \
    for (int i = 0; i < COUNT; i++) sums[i] = factor;                                         \
    for (long round = 0; round < rounds; round++) {                                           \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < COUNT; i++) sums[i] = STEP;      \
      __asm__ volatile("");                                                                   \
    }                                                                                         \
    volatile int result = 0;                                                                  \
    for (int i = 0; i < COUNT; i++) result += _mm512_cvtsi512_si32(sums[i]);                  \
    return 2.0 * COUNT * 16 * TERMS * (double)rounds;                                         \
  }
VECTORS(int8, "avx512f,avx512vnni", 10, _mm512_dpbusd_epi32(sums[i], factor, factor), 4)
VECTORS(
    bfloat16, "avx512f,avx512bf16", 16,
    (__m512i)_mm512_dpbf16_ps((__m512)sums[i], (__m512bh)factor, (__m512bh)factor), 2)

double roofline_int8(long rounds) {
  if (has_tiles()) return tiles_int8(rounds);
  if (__builtin_cpu_supports("avx512vnni")) return vectors_int8(rounds);
  if (__builtin_cpu_supports("avx512f")) return roofline_float32("avx512", rounds);
  return roofline_pairs(__builtin_cpu_supports("avx2") ? "avx2" : "portable", rounds);
}

double roofline_bfloat16(long rounds) {
  if (has_tiles()) return tiles_bfloat16(rounds);
  if (__builtin_cpu_supports("avx512bf16")) return vectors_bfloat16(rounds);
  return __builtin_cpu_supports("avx512f") ? roofline_float32("avx512", rounds)
                                           : float32_without(rounds);
}
#else
double roofline_int8(long rounds) { return roofline_pairs("portable", rounds); }
double roofline_bfloat16(long rounds) { return float32_without(rounds); }
#endif

double roofline_read(long rounds) {
  typedef uint64_t vector __attribute__((ext_vector_type(8)));
  const size_t size = (size_t)1 << 29, count = size / sizeof(vector);
  static vector *memory;
  if (memory == NULL) {
    if (posix_memalign((void **)&memory, 1 << 21, size) != 0) return 0;
    memset(memory, 1, size);
  }
  vector sums[4] = {0};
  for (long round = 0; round < rounds; round++) {
    for (size_t i = 0; i + 4 <= count; i += 4)
      for (int j = 0; j < 4; j++) sums[j] ^= memory[i + j];
    __asm__ volatile("" ::: "memory");
  }
  volatile uint64_t result = 0;
  for (int j = 0; j < 4; j++) result ^= sums[j][0];
  return (double)size * (double)rounds;
}

double roofline_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}
