// Tiles of AMX: eight registers of 16 rows of 64 bytes, which each thread sets up before it uses them.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,amx-tile,amx-int8,amx-bf16,avx512bf16"))), apply_to = function)

#include "avx512_lanes.h"
#include "vector_math.h"
#include "bfloat16_lanes.h"
#include "rows.h"

static const struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} configuration = {
    .palette = 1,
    .row_bytes = {SLICE, SLICE, SLICE, SLICE, SLICE, SLICE, SLICE, SLICE},
    .rows = {GROUP, GROUP, GROUP, GROUP, GROUP, GROUP, GROUP, GROUP},
};

#define TILES_BEGIN() _tile_loadconfig(&configuration)
#define TILES_END() _tile_release()
#define TILE_ZERO(T) _tile_zero(T)
#define TILE_LOAD(T, FROM, STRIDE) _tile_loadd(T, FROM, STRIDE)
#define TILE_STORE(T, TO, STRIDE) _tile_stored(T, TO, STRIDE)
#define TILE_DOT_INT8(TO, LEFT, RIGHT) _tile_dpbssd(TO, LEFT, RIGHT)
#define TILE_DOT_BFLOAT16(TO, LEFT, RIGHT) _tile_dpbf16ps(TO, LEFT, RIGHT)

extern const weighbridge_kernels weighbridge_avx512_kernels;
#define FINISH weighbridge_avx512_kernels.finish
#define WEIGHTS(NAME) weighbridge_amx_##NAME
#define ATTENTION(NAME) weighbridge_amx_##NAME##_attention
#include "tiles.h"

#pragma clang attribute pop
#endif
