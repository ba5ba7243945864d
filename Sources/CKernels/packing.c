// Packing matrices into the order in which the products read them.
#include "CKernels.h"

#include <stdint.h>
#include <string.h>

#define PANEL WEIGHBRIDGE_PANEL_COLUMNS
#define INLINE static inline __attribute__((always_inline))

INLINE void pack_rest(
    const char *source, size_t row_stride, size_t column_stride, char *panel, size_t rows,
    size_t columns, size_t width) {
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

// Squares of numbers, transposed in registers: the rows of a source whose columns follow each other, and those of a panel. `from` and
// `to` are the bytes from one row of theirs to the next.
typedef uint32_t four __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint16_t eight __attribute__((vector_size(16), aligned(1), may_alias));

INLINE void transpose_4x4(const char *source, size_t from, char *panel, size_t to) {
  four a[4], b[4];
  for (size_t i = 0; i < 4; i++) a[i] = *(const four *)(source + i * from);
  for (size_t i = 0; i < 2; i++) {
    b[2 * i] = __builtin_shufflevector(a[i], a[i + 2], 0, 4, 1, 5);
    b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 2], 2, 6, 3, 7);
  }
  for (size_t i = 0; i < 2; i++) {
    *(four *)(panel + 2 * i * to) = __builtin_shufflevector(b[i], b[i + 2], 0, 4, 1, 5);
    *(four *)(panel + (2 * i + 1) * to) = __builtin_shufflevector(b[i], b[i + 2], 2, 6, 3, 7);
  }
}

INLINE void transpose_8x8(const char *source, size_t from, char *panel, size_t to) {
  eight a[8], b[8];
  for (size_t i = 0; i < 8; i++) a[i] = *(const eight *)(source + i * from);
  for (size_t step = 0; step < 3; step++) {
    for (size_t i = 0; i < 4; i++) {
      b[2 * i] = __builtin_shufflevector(a[i], a[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    for (size_t i = 0; i < 8; i++) a[i] = b[i];
  }
  for (size_t i = 0; i < 8; i++) *(eight *)(panel + i * to) = a[i];
}

// `width` is a constant wherever this is inlined.
INLINE void pack(
    const char *source, size_t row_stride, size_t column_stride, char *panel, size_t rows,
    size_t columns, size_t width) {
  if (column_stride == 1) {
    // Whole rows are a number of vectors that the compiler knows.
    if (columns == PANEL)
      for (size_t row = 0; row < rows; row++)
        memcpy(panel + row * PANEL * width, source + row * row_stride * width, PANEL * width);
    else
      for (size_t row = 0; row < rows; row++)
        memcpy(panel + row * PANEL * width, source + row * row_stride * width, columns * width);
    return;
  }
  const size_t side = 16 / width;
  if (row_stride == 1 && rows >= side && columns >= side) {
    // Squares as far as they go; the rows and columns that are left are again parts of a matrix.
    const size_t whole_rows = rows / side * side, whole_columns = columns / side * side;
    for (size_t row = 0; row < whole_rows; row += side)
      for (size_t column = 0; column < whole_columns; column += side) {
        const char *from = source + (row + column * column_stride) * width;
        char *to = panel + (row * PANEL + column) * width;
        if (width == 4) transpose_4x4(from, column_stride * width, to, PANEL * width);
        else transpose_8x8(from, column_stride * width, to, PANEL * width);
      }
    pack_rest(
        source + whole_rows * width, 1, column_stride, panel + whole_rows * PANEL * width,
        rows - whole_rows, columns, width);
    pack_rest(
        source + whole_columns * column_stride * width, 1, column_stride,
        panel + whole_columns * width, whole_rows, columns - whole_columns, width);
    return;
  }
  pack_rest(source, row_stride, column_stride, panel, rows, columns, width);
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
    size_t done = 0;                                                                          \
    if (row_stride == 1 && column_stride * WIDTH % 4 == 0 && row * WIDTH % 4 == 0) {          \
      /* Lines follow each other like rows of numbers of four bytes. */                       \
      const size_t units = rows * WIDTH / 4;                                                  \
      done = units * 4 / WIDTH;                                                               \
      pack(                                                                                   \
          source, 1, column_stride * WIDTH / 4, sliced(panel, row, column, WIDTH, 1), units,  \
          columns, 4);                                                                        \
    }                                                                                         \
    for (size_t i = done; i < rows; i++)                                                      \
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

// Four numbers of 32 bits in registers.
typedef uint32_t bits4 __attribute__((vector_size(16)));
typedef int32_t signed4 __attribute__((vector_size(16)));
typedef float float4 __attribute__((vector_size(16)));

INLINE bits4 choose(signed4 which, bits4 yes, bits4 no) {
  return ((bits4)which & yes) | (~(bits4)which & no);
}

// The upper halves are the nearest bfloat16, to even in the middle; no larger than the largest, unless the number is infinite or none.
INLINE bits4 nearest_halves(bits4 bits) {
  const bits4 rounded = bits + 0x7FFF + (bits >> 16 & 1);
  const bits4 finite =
      choose((signed4)(rounded & 0x7FFFFFFF) >= 0x7F800000, bits, rounded);
  return choose((signed4)(bits & 0x7FFFFFFF) > 0x7F800000, bits | 0x400000, finite) & 0xFFFF0000;
}

// Eight numbers as sums of two.
INLINE void split(const float *values, uint16_t *upper, uint16_t *lower) {
  bits4 halves[2], others[2];
  for (size_t i = 0; i < 2; i++) {
    float4 value;
    memcpy(&value, values + 4 * i, sizeof value);
    halves[i] = nearest_halves((bits4)value);
    const float4 rest = value - (float4)halves[i];
    others[i] = nearest_halves((bits4)rest) & (bits4)(rest == rest);
  }
  const eight up = __builtin_shufflevector((eight)halves[0], (eight)halves[1], 1, 3, 5, 7, 9, 11, 13, 15);
  const eight low = __builtin_shufflevector((eight)others[0], (eight)others[1], 1, 3, 5, 7, 9, 11, 13, 15);
  memcpy(upper, &up, sizeof up);
  memcpy(lower, &low, sizeof low);
}

// The rows of a slice.
#define SLICE_ROWS 32

static void pack_pieces(
    const void *source, size_t row_stride, size_t column_stride, void *panel, size_t row,
    size_t rows, size_t column, size_t columns) {
  for (size_t first = row, end = row + rows, count; first < end; first += count) {
    count = SLICE_ROWS - first % SLICE_ROWS < end - first ? SLICE_ROWS - first % SLICE_ROWS : end - first;
    // Column by column, as a source has them whose columns follow each other.
    const size_t each = (count + 7) / 8 * 8;
    uint16_t upper[PANEL * SLICE_ROWS], lower[PANEL * SLICE_ROWS];
    for (size_t j = 0; j < columns; j++) {
      const char *from =
          (const char *)source + ((first - row) * row_stride + j * column_stride) * sizeof(float);
      float values[SLICE_ROWS] = {0};
      if (row_stride == 1)
        memcpy(values, from, count * sizeof(float));
      else
        for (size_t i = 0; i < count; i++)
          memcpy(&values[i], from + i * row_stride * sizeof(float), sizeof(float));
      for (size_t i = 0; i < count; i += 8)
        split(values + i, &upper[j * each + i], &lower[j * each + i]);
    }
    char *to = sliced(panel, first, column, 2, 2);
    if (first % 2 == 0 && count % 2 == 0) {
      pack((const char *)upper, 1, each / 2, to, count / 2, columns, 4);
      pack((const char *)lower, 1, each / 2, to + SLICE_SIZE, count / 2, columns, 4);
      continue;
    }
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; j < columns; j++) {
        to = sliced(panel, first + i, column + j, 2, 2);
        memcpy(to, &upper[j * each + i], 2);
        memcpy(to + SLICE_SIZE, &lower[j * each + i], 2);
      }
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
      // Of what is left at the edges each number by itself.
      const size_t whole_bottom = top + (bottom - top) / 4 * 4;
      const size_t whole_right = left + (right - left) / 4 * 4;
      for (size_t row = top; row < whole_bottom; row += 4)
        for (size_t column = left; column < whole_right; column += 4)
          transpose_4x4(
              (const char *)(source + row * stride + column), stride * sizeof(float),
              (char *)(destination + column * rows + row), rows * sizeof(float));
      for (size_t column = left; column < right; column++)
        for (size_t row = column < whole_right ? whole_bottom : top; row < bottom; row++)
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
