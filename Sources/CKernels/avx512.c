// AVX-512: 32 registers of 16 floats, of which the sums take 28.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)

#define TILE_ROWS 14
#define TILE_VECTORS 2
#define TERMS 2
#define TABLE weighbridge_avx512_kernels
#define TABLE_NAME "avx512"

#include "avx512_lanes.h"

#define CONVERTS_FLOAT16
static inline __attribute__((always_inline)) vector read_float16(const void *from) {
  return (vector)_mm512_cvtph_ps(_mm256_loadu_si256(from));
}

#define MULTIPLY_PAIRS
typedef int integers __attribute__((ext_vector_type(LANES)));
static inline __attribute__((always_inline)) integers multiply_pairs(
    integers left, integers right) {
  return (integers)_mm512_madd_epi16((__m512i)left, (__m512i)right);
}

#include "kernels.h"

#pragma clang attribute pop
#endif
