// AVX2 with fused multiply-add: 16 registers of 8 floats, of which the sums take 12.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define LANES 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define TABLE weighbridge_avx2_kernels
#define TABLE_NAME "avx2"
#include "kernels.h"

#pragma clang attribute pop
#endif
