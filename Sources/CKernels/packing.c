// Packing matrices into the order in which the products read them.
#include "CKernels.h"

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

const weighbridge_packing weighbridge_plain_packings[WEIGHBRIDGE_ELEMENT_COUNT] = {
    [WEIGHBRIDGE_FLOAT32] = {4, PANEL, pack_4, unpack_4},
    [WEIGHBRIDGE_BFLOAT16] = {2, PANEL, pack_2, unpack_2},
    [WEIGHBRIDGE_FLOAT16] = {2, PANEL, pack_2, unpack_2},
};

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
