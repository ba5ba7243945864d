// AVX-512 with BF16: products of two bfloat16 added up in each lane.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,avx512bf16"))), apply_to = function)

#include "avx512_lanes.h"
#include "vector_math.h"
#include "bfloat16_lanes.h"
#include "rows.h"

#define ROWS_FLIP 0
#define TERM_WIDTH 2
INLINE integers dot(integers sum, integers left, integers right) {
  return (integers)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
}

extern const weighbridge_kernels weighbridge_avx512_kernels;
#define finish weighbridge_avx512_kernels.finish
#include "sliced.h"

const weighbridge_weights weighbridge_avx512_bfloat16 = {
    &weighbridge_pair_packing, WEIGHBRIDGE_MOST_PANELS, sliced_rows, sliced_size,
    pack_sliced_rows, multiply_sliced, widen_bfloat16_rows};

static void pack_attention(
    const float *source, size_t row_stride, size_t column_stride, void *panel, size_t row,
    size_t rows, size_t column, size_t columns) {
  pack_weights_halves(source, row_stride, column_stride, panel, row, rows, column, columns, 1);
}
const weighbridge_attention weighbridge_avx512_bfloat16_attention = {
    &weighbridge_avx512_bfloat16, pack_attention, 0};

#pragma clang attribute pop
#endif
