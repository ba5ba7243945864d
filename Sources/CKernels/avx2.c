// AVX2 with fused multiply-add and conversion of float16: 16 registers of 8 floats, of which the sums take 12.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define LANES 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define TERMS 4
#define TABLE weighbridge_avx2_kernels
#define TABLE_NAME "avx2"

#define CONVERTS_FLOAT16
typedef float vector __attribute__((ext_vector_type(LANES)));

#define HAS_GREATER
static inline __attribute__((always_inline)) vector greater(vector value, vector other) {
  return (vector)_mm256_max_ps((__m256)value, (__m256)other);
}

static inline __attribute__((always_inline)) vector read_float16(const void *from) {
  return (vector)_mm256_cvtph_ps(_mm_loadu_si128(from));
}

#define MULTIPLY_PAIRS
typedef int integers __attribute__((ext_vector_type(LANES)));
static inline __attribute__((always_inline)) integers multiply_pairs(
    integers left, integers right) {
  return (integers)_mm256_madd_epi16((__m256i)left, (__m256i)right);
}

#include "kernels.h"

#pragma clang attribute pop
#endif
