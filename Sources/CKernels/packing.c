// Packing matrices into the order in which the products read them.
#include "CKernels.h"

#include <stdint.h>
#include <string.h>

#define PANEL WEIGHBRIDGE_PANEL_COLUMNS
#define INLINE static inline __attribute__((always_inline))

// `width` is a constant wherever this is inlined.
INLINE void pack(
    const char *source, size_t row_stride, size_t column_stride, char *panel, size_t rows,
    size_t columns, size_t width) {
  if (column_stride == 1) {
    for (size_t row = 0; row < rows; row++)
      memcpy(panel + row * PANEL * width, source + row * row_stride * width, columns * width);
    return;
  }
  // A transpose: 16 rows at a time, so that each line of the source is read while it is in the cache.
  for (size_t first = 0; first < rows; first += 16) {
    const size_t end = rows - first < 16 ? rows : first + 16;
    for (size_t column = 0; column < columns; column++)
      for (size_t row = first; row < end; row++)
        memcpy(
            panel + (row * PANEL + column) * width,
            source + (row * row_stride + column * column_stride) * width, width);
  }
}

INLINE void unpack(
    const char *panel, size_t rows, size_t column, char *destination, size_t width) {
  for (size_t row = 0; row < rows; row++)
    memcpy(destination + row * width, panel + (row * PANEL + column) * width, width);
}

#define PLAIN(WIDTH)                                                                          \
  static size_t size_##WIDTH(size_t depth) { return depth * PANEL * WIDTH; }                  \
  static void pack_##WIDTH(                                                                   \
      const void *source, size_t row_stride, size_t column_stride, void *panel, size_t row,   \
      size_t rows, size_t column, size_t columns) {                                           \
    char *to = (char *)panel + (row * PANEL + column) * WIDTH;                                \
    pack(source, row_stride, column_stride, to, rows, columns, WIDTH);                        \
  }                                                                                           \
  static void unpack_##WIDTH(                                                                 \
      const void *panel, size_t row, size_t rows, size_t column, void *destination) {         \
    unpack((const char *)panel + row * PANEL * WIDTH, rows, column, destination, WIDTH);      \
  }
PLAIN(2)
PLAIN(4)

const weighbridge_packing weighbridge_plain_packings[] = {
    [WEIGHBRIDGE_FLOAT32] = {4, PANEL, 0, size_4, pack_4, unpack_4},
    [WEIGHBRIDGE_BFLOAT16] = {2, PANEL, 0, size_2, pack_2, unpack_2},
    [WEIGHBRIDGE_FLOAT16] = {2, PANEL, 0, size_2, pack_2, unpack_2},
};

// MARK: Four bytes of a column beside each other (rows.h)

// Lines of 32 columns, for each slice of 64 bytes of a row 16 of them.
#define LINE (4 * PANEL)
#define SLICE_SIZE (16 * LINE)

static size_t sliced_size(size_t depth, size_t width) {
  return (depth * width + 63) / 64 * SLICE_SIZE;
}

// `width` and `pieces` are constants wherever this is inlined.
INLINE char *sliced(const void *panel, size_t row, size_t column, size_t width, size_t pieces) {
  const size_t byte = row * width;
  return (char *)panel + byte / 64 * SLICE_SIZE * pieces + byte % 64 / 4 * LINE + column * 4 +
         byte % 4;
}

#define SLICED(NAME, WIDTH)                                                                   \
  static void pack_##NAME(                                                                    \
      const void *source, size_t row_stride, size_t column_stride, void *panel, size_t row,   \
      size_t rows, size_t column, size_t columns) {                                           \
    for (size_t i = 0; i < rows; i++)                                                         \
      for (size_t j = 0; j < columns; j++)                                                    \
        memcpy(                                                                               \
            sliced(panel, row + i, column + j, WIDTH, 1),                                     \
            (const char *)source + (i * row_stride + j * column_stride) * WIDTH, WIDTH);      \
  }                                                                                           \
  static void unpack_##NAME(                                                                  \
      const void *panel, size_t row, size_t rows, size_t column, void *destination) {         \
    for (size_t i = 0; i < rows; i++)                                                         \
      memcpy(                                                                                 \
          (char *)destination + i * WIDTH, sliced(panel, row + i, column, WIDTH, 1), WIDTH);  \
  }
SLICED(int8, 1)
SLICED(pairs, 2)

static size_t size_int8(size_t depth) { return sliced_size(depth, 1) + PANEL * sizeof(float); }
static size_t size_pairs(size_t depth) { return sliced_size(depth, 2); }
static size_t size_pieces(size_t depth) { return 2 * sliced_size(depth, 2); }

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float value_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// The nearest bfloat16, to even in the middle; no larger than the largest, unless the number is infinite or none.
static uint16_t nearest_half(float value) {
  const uint32_t bits = bits_of(value), size = bits & 0x7FFFFFFF;
  if (size > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);
  const uint32_t rounded = bits + 0x7FFF + (bits >> 16 & 1);
  return (uint16_t)(((rounded & 0x7FFFFFFF) >= 0x7F800000 ? bits : rounded) >> 16);
}

static void pack_pieces(
    const void *source, size_t row_stride, size_t column_stride, void *panel, size_t row,
    size_t rows, size_t column, size_t columns) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      float value;
      memcpy(
          &value, (const char *)source + (i * row_stride + j * column_stride) * sizeof value,
          sizeof value);
      const uint16_t upper = nearest_half(value);
      const float rest = value - value_of((uint32_t)upper << 16);
      const uint16_t lower = rest == rest ? nearest_half(rest) : 0;
      char *to = sliced(panel, row + i, column + j, 2, 2);
      memcpy(to, &upper, sizeof upper);
      memcpy(to + SLICE_SIZE, &lower, sizeof lower);
    }
}

static void unpack_pieces(
    const void *panel, size_t row, size_t rows, size_t column, void *destination) {
  for (size_t i = 0; i < rows; i++) {
    uint16_t halves[2];
    const char *from = sliced(panel, row + i, column, 2, 2);
    memcpy(&halves[0], from, 2);
    memcpy(&halves[1], from + SLICE_SIZE, 2);
    const float value = value_of((uint32_t)halves[0] << 16) + value_of((uint32_t)halves[1] << 16);
    memcpy((char *)destination + i * sizeof value, &value, sizeof value);
  }
}

const weighbridge_packing weighbridge_int8_packing = {
    1, PANEL, 1, size_int8, pack_int8, unpack_int8};
const weighbridge_packing weighbridge_pair_packing = {
    2, PANEL, 0, size_pairs, pack_pairs, unpack_pairs};
const weighbridge_packing weighbridge_piece_packing = {
    4, PANEL, 0, size_pieces, pack_pieces, unpack_pieces};

void weighbridge_pack_panel(
    const float *source, size_t row_stride, size_t column_stride, size_t depth, size_t columns,
    float *panel) {
  pack_4(source, row_stride, column_stride, panel, 0, depth, 0, columns);
}

void weighbridge_transpose(
    const float *source, size_t stride, size_t rows, size_t columns, float *destination) {
  // In squares, so that a line of either side is used up while it is in the cache.
  for (size_t top = 0; top < rows; top += 16)
    for (size_t left = 0; left < columns; left += 16) {
      const size_t bottom = rows - top < 16 ? rows : top + 16;
      const size_t right = columns - left < 16 ? columns : left + 16;
      for (size_t column = left; column < right; column++)
        for (size_t row = top; row < bottom; row++)
          destination[column * rows + row] = source[row * stride + column];
    }
}

void weighbridge_pack_block(
    const float *source, size_t stride, size_t rows, size_t depth, float *block) {
  for (size_t row = 0; row < rows; row++)
    memcpy(block + row * WEIGHBRIDGE_BLOCK_STRIDE, source + row * stride, depth * sizeof(float));
}

float weighbridge_quantize(const float *row, size_t count, int8_t *steps) {
  uint32_t most = 0;
  for (size_t i = 0; i < count; i++) {
    const uint32_t size = bits_of(row[i]) & 0x7FFFFFFF;
    most = size > most ? size : most;
  }
  const float scale = most < 0x7F800000 ? value_of(most) / 127 : value_of(0x7FC00000);
  const float inverse = scale >= 0x1p-126f ? 1 / scale : 0;
  for (size_t i = 0; i < count; i++) {
    // Adding 1.5 · 2^23 rounds to an integer in the low bits.
    const float rounded = row[i] * inverse + 12582912.0f;
    steps[i] = (int8_t)(bits_of(rounded) & 0xFF);
  }
  return scale;
}
