// AVX-512 with VNNI: products of four bytes added up in each lane, those of the rows without a sign.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,avx512vnni"))), apply_to = function)

#include "avx512_lanes.h"
#include "vector_math.h"
#include "rows.h"

#define ROWS_FLIP 0x80
#define TERM_WIDTH 1
INLINE integers dot(integers sum, integers left, integers right) {
  return (integers)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)left, (__m512i)right);
}

extern const weighbridge_kernels weighbridge_avx512_kernels;
#define finish weighbridge_avx512_kernels.finish
#include "sliced.h"

const weighbridge_weights weighbridge_vnni_int8 = {
    &weighbridge_int8_packing, WEIGHBRIDGE_MOST_PANELS, sliced_rows, sliced_size,
    pack_sliced_rows, multiply_sliced, widen_int8_rows};

#pragma clang attribute pop
#endif
