#define _GNU_SOURCE
#include "Roofline.h"

#include <stdint.h>
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

double roofline_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}
