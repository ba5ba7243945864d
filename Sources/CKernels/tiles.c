// The operations on tiles in plain C, as the manual of the processor describes them: the loops over tiles run everywhere, if slowly,
// and what they compute is tested everywhere.
#define LANES 4
#include "vector_math.h"
#include "rows.h"

typedef union {
  int8_t bytes[GROUP][SLICE];
  uint16_t halves[GROUP][SLICE / 2];
  int32_t integers[GROUP][SLICE / 4];
  float floats[GROUP][SLICE / 4];
} tile;

static void tile_load(tile *t, const void *from, size_t stride) {
  for (size_t row = 0; row < GROUP; row++)
    memcpy(t->bytes[row], (const char *)from + row * stride, SLICE);
}

static void tile_store(const tile *t, void *to, size_t stride) {
  for (size_t row = 0; row < GROUP; row++)
    memcpy((char *)to + row * stride, t->bytes[row], SLICE);
}

static void tile_dot_int8(tile *to, const tile *left, const tile *right) {
  for (size_t row = 0; row < GROUP; row++)
    for (size_t quad = 0; quad < SLICE / 4; quad++)
      for (size_t column = 0; column < SLICE / 4; column++)
        for (size_t i = 0; i < 4; i++)
          to->integers[row][column] +=
              left->bytes[row][4 * quad + i] * right->bytes[quad][4 * column + i];
}

// Numbers below the normal ones count as zeros.
static float half_value(uint16_t half) {
  const uint32_t bits = half & 0x7F80 ? (uint32_t)half << 16 : 0;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void tile_dot_bfloat16(tile *to, const tile *left, const tile *right) {
  for (size_t row = 0; row < GROUP; row++)
    for (size_t pair = 0; pair < SLICE / 4; pair++)
      for (size_t column = 0; column < SLICE / 4; column++)
        for (size_t i = 0; i < 2; i++)
          to->floats[row][column] += half_value(left->halves[row][2 * pair + i]) *
                                     half_value(right->halves[pair][2 * column + i]);
}

static _Thread_local tile registers[8];

#define TILES_BEGIN()
#define TILES_END()
#define TILE_ZERO(T) memset(&registers[T], 0, sizeof(tile))
#define TILE_LOAD(T, FROM, STRIDE) tile_load(&registers[T], FROM, STRIDE)
#define TILE_STORE(T, TO, STRIDE) tile_store(&registers[T], TO, STRIDE)
#define TILE_DOT_INT8(TO, LEFT, RIGHT) \
  tile_dot_int8(&registers[TO], &registers[LEFT], &registers[RIGHT])
#define TILE_DOT_BFLOAT16(TO, LEFT, RIGHT) \
  tile_dot_bfloat16(&registers[TO], &registers[LEFT], &registers[RIGHT])

extern const weighbridge_kernels weighbridge_portable_kernels;
#define FINISH weighbridge_portable_kernels.finish
#define WEIGHTS(NAME) weighbridge_tiles_##NAME
#define ATTENTION(NAME) weighbridge_tiles_##NAME##_attention
#include "tiles.h"
