// AVX-512: 32 registers of 16 floats, of which the sums take 28.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)

#define LANES 16
#define TILE_ROWS 14
#define TILE_VECTORS 2
#define TABLE weighbridge_avx512_kernels
#define TABLE_NAME "avx512"

#define MASKED_LANES
typedef float vector __attribute__((ext_vector_type(LANES)));

static inline __attribute__((always_inline)) vector load_part(const float *from, size_t count) {
  return (vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}

static inline __attribute__((always_inline)) void store_part(
    float *to, vector value, size_t count) {
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)value);
}

#define CONVERTS_FLOAT16
static inline __attribute__((always_inline)) vector read_float16(const void *from) {
  return (vector)_mm512_cvtph_ps(_mm256_loadu_si256(from));
}

#include "kernels.h"

#pragma clang attribute pop
#endif
