// Packing rows for products that take several terms of a row at once: bytes of int8, or pairs of bfloat16. Written once, in vectors of
// LANES floats, after vector_math.h.
//
//   a slice   64 bytes of terms of a row, the last one filled up with zeros: what a tile register or four vectors of four lanes hold
//   a group   16 rows, those that there are not being zeros: for each slice the 16 rows' bytes, 1,024 of them (a tile), and where a number
//             has two pieces the tile of the second follows that of the first
//   a block   for int8 the scales of the rows, as float32; then its groups
//
// Weights lie accordingly: for each slice 16 rows of 128 bytes, 32 columns with four bytes each. All sets of kernels read this.

#include "CKernels.h"

#define UNROLLED _Pragma("clang loop unroll(full)")
#define GROUP 16
#define SLICE 64
#define TILE (GROUP * SLICE)
#define WEIGHT_SLICE (2 * TILE)

INLINE size_t groups_of(size_t rows) { return (rows + GROUP - 1) / GROUP; }

// `width` bytes a term.
INLINE size_t slices_of(size_t depth, size_t width) { return (depth * width + SLICE - 1) / SLICE; }

// Half of the second-level cache for `most` slices of them, in pairs of groups.
INLINE size_t sliced_block_rows(size_t depth, size_t width, size_t pieces, size_t most) {
  const size_t slices = slices_of(depth, width);
  const size_t row = (slices < most ? slices : most) * SLICE * pieces;
  const size_t pairs = row ? weighbridge_cache_size(2) / 2 / (row * 2 * GROUP) : 8;
  return 2 * GROUP * (pairs < 1 ? 1 : pairs > 8 ? 8 : pairs);
}

INLINE size_t sliced_block_size(size_t rows, size_t depth, size_t width, size_t pieces) {
  const size_t scales = width == 1 ? GROUP * sizeof(float) : 0;
  return groups_of(rows) * (scales + slices_of(depth, width) * TILE * pieces);
}

// The slices of a panel that take about half of the first-level cache.
INLINE size_t slices_at_once(void) { return weighbridge_cache_size(1) / 2 / WEIGHT_SLICE; }

typedef int8_t bytes __attribute__((ext_vector_type(LANES)));
typedef uint16_t words __attribute__((ext_vector_type(LANES)));

INLINE vector load_terms(const float *from, size_t count) {
  return count < LANES ? load_part(from, count) : load(from);
}

// The largest magnitude of a row is 127 after quantising it; the scale is what a step stands for. A row with a number that is infinite
// or none has such a scale, and so have its results.
INLINE float row_scale(const float *row, size_t depth) {
  integers largest = (integers)splat(0);
  for (size_t k = 0; k < depth; k += LANES) {
    const integers bits = (integers)magnitude(load_terms(row + k, depth - k));
    largest = __builtin_elementwise_max(bits, largest);
  }
  int32_t most = 0;
  for (size_t lane = 0; lane < LANES; lane++) most = largest[lane] > most ? largest[lane] : most;
  float value;
  memcpy(&value, &most, sizeof value);
  return (most >= 0x7F800000 ? NAN : value) / 127;
}

// What is too small to be divided by is nothing.
INLINE float inverse_of_scale(float scale) { return scale >= 0x1p-126f ? 1 / scale : 0; }

// Numbers as steps of a scale, in the low bits of each lane.
INLINE integers quantised(vector terms, float inverse) {
  // Not fused where the instructions are: what is rounded, and how, is the same everywhere.
  _Pragma("clang fp contract(off)")
  // 1.5 · 2^23: adding it rounds to an integer in the low bits.
  return (integers)(terms * inverse + 12582912.0f);
}

// `flip` is 0x80 where the instructions take bytes without a sign: 128 is added to each.
INLINE void pack_rows_int8(
    const float *source, size_t stride, size_t row, size_t count, size_t rows, size_t depth,
    void *block, int32_t flip) {
  const size_t slices = slices_of(depth, 1);
  float *scales = (float *)block + row;
  char *group = (char *)block + groups_of(rows) * GROUP * sizeof(float) + row * slices * SLICE;
  for (; count > 0; group += slices * TILE, scales += GROUP) {
    const size_t part = count < GROUP ? count : GROUP;
    memset(scales, 0, GROUP * sizeof(float));
    for (size_t r = 0; r < part; r++) {
      scales[r] = row_scale(source + r * stride, depth);
      const float inverse = inverse_of_scale(scales[r]);
      for (size_t k = 0; k < slices * SLICE; k += LANES) {
        const vector terms =
            k < depth ? load_terms(source + r * stride + k, depth - k) : splat(0);
        const integers rounded = quantised(terms, inverse) ^ flip;
        const bytes packed = __builtin_convertvector(rounded & 0xFF, bytes);
        memcpy(group + k / SLICE * TILE + r * SLICE + k % SLICE, &packed, sizeof packed);
      }
    }
    for (size_t r = part; r < GROUP; r++)
      for (size_t slice = 0; slice < slices; slice++)
        memset(group + slice * TILE + r * SLICE, 0, SLICE);
    source += part * stride;
    count -= part;
  }
}

// The upper half of a float32, rounded to the nearest, to even in the middle; what is no number stays none. What would become infinite
// is cut off if something is to be added to it.
INLINE integers rounded_half(integers bits, int is_piece) {
  const integers rounded = bits + 0x7FFF + ((bits >> 16) & 1), size = bits & 0x7FFFFFFF;
  const integers special = size > 0x7F800000;
  const integers overflow = ((rounded & 0x7FFFFFFF) >= 0x7F800000) & (size < 0x7F800000);
  const integers cut = is_piece ? overflow : (integers)splat(0);
  return (((special & (bits | 0x400000)) | (cut & bits) | (~special & ~cut & rounded)) >> 16) &
         0xFFFF;
}

// Numbers as one bfloat16 each, or as the sum of two, in the low halves of the lanes.
INLINE void split(vector terms, size_t pieces, integers *halves) {
#ifdef HAS_HALVES
  // From here on numbers round to infinity.
  if (pieces == 1 || all_below(magnitude(terms), 0x1.FFp127f)) {
    halves[0] = nearest_halves(terms);
    if (pieces > 1) halves[1] = nearest_halves(terms - (vector)(halves[0] << 16));
    return;
  }
#endif
  halves[0] = rounded_half((integers)terms, pieces > 1);
  if (pieces == 1) return;
  // Of an infinite number nothing is left, and not no number.
  const integers is_finite = magnitude(terms) < splat(INFINITY);
  const vector rest = (vector)((integers)(terms - (vector)(halves[0] << 16)) & is_finite);
  halves[1] = rounded_half((integers)rest, 1);
}

INLINE void store_halves(void *to, integers halves) {
  const words packed = __builtin_convertvector(halves, words);
  memcpy(to, &packed, sizeof packed);
}

INLINE void pack_rows_halves(
    const float *source, size_t stride, size_t row, size_t count, size_t depth, void *block,
    size_t pieces) {
  const size_t slices = slices_of(depth, 2);
  char *group = (char *)block + row * slices * SLICE * pieces;
  for (; count > 0; group += slices * TILE * pieces) {
    const size_t part = count < GROUP ? count : GROUP;
    for (size_t r = 0; r < GROUP; r++)
      for (size_t k = 0; k < slices * SLICE / 2; k += LANES) {
        const vector terms =
            r < part && k < depth ? load_terms(source + r * stride + k, depth - k) : splat(0);
        char *to = group + 2 * k / SLICE * TILE * pieces + r * SLICE + 2 * k % SLICE;
        integers halves[2];
        split(terms, pieces, halves);
        for (size_t piece = 0; piece < pieces; piece++)
          store_halves(to + piece * TILE, halves[piece]);
      }
    source += part * stride;
    count -= part;
  }
}

// The terms of one slice of a number of weights that follow each other, `count` of which are there: for each piece 64 bytes.
INLINE void slice_of_halves(
    const float *source, size_t count, size_t pieces, words terms_of[2][SLICE / 2 / LANES]) {
  for (size_t part = 0; part < SLICE / 2 / LANES; part++) {
    const size_t term = part * LANES;
    integers halves[2];
    split(term < count ? load_terms(source + term, count - term) : splat(0), pieces, halves);
    for (size_t piece = 0; piece < pieces; piece++)
      terms_of[piece][part] = __builtin_convertvector(halves[piece], words);
  }
}

// Numbers as weights: `columns` of them, each `depth` terms that follow each other, from a column of a panel on.
INLINE void pack_columns_halves(
    const float *source, size_t stride, size_t depth, char *panel, size_t columns, size_t pieces) {
  for (size_t slice = 0; slice < slices_of(depth, 2); slice++) {
    const float *from = source + slice * SLICE / 2;
    const size_t rest = depth - slice * SLICE / 2;
    char *to = panel + slice * pieces * WEIGHT_SLICE;
#ifdef HAS_TRANSPOSE
    for (size_t column = 0; column < columns; column += 16) {
      const size_t count = columns - column < 16 ? columns - column : 16;
      __m512i lines[2][16];
      for (size_t i = 0; i < 16; i++) {
        words terms_of[2][SLICE / 2 / LANES] = {};
        if (i < count) slice_of_halves(from + (column + i) * stride, rest, pieces, terms_of);
        for (size_t piece = 0; piece < pieces; piece++)
          lines[piece][i] = _mm512_inserti64x4(
              _mm512_castsi256_si512((__m256i)terms_of[piece][0]), (__m256i)terms_of[piece][1], 1);
      }
      for (size_t piece = 0; piece < pieces; piece++) {
        transpose_lanes(lines[piece]);
        for (size_t pair = 0; pair < 16; pair++)
          _mm512_mask_storeu_epi32(
              to + piece * WEIGHT_SLICE + pair * 2 * SLICE + column * 4,
              (__mmask16)((1u << count) - 1), lines[piece][pair]);
      }
    }
#else
    for (size_t column = 0; column < columns; column++) {
      words terms_of[2][SLICE / 2 / LANES];
      slice_of_halves(from + column * stride, rest, pieces, terms_of);
      for (size_t piece = 0; piece < pieces; piece++)
        for (size_t pair = 0; pair < SLICE / 4; pair++)
          memcpy(
              to + piece * WEIGHT_SLICE + column * 4 + pair * 2 * SLICE,
              (const char *)terms_of[piece] + 4 * pair, 4);
    }
#endif
  }
}

// Numbers as weights: terms `row` to `row + rows` of some columns, those of a term following each other.
INLINE void pack_terms_halves(
    const float *source, size_t stride, char *panel, size_t row, size_t rows, size_t columns,
    size_t pieces) {
  for (size_t i = 0; i < rows; i++) {
    // The other half of each four bytes is another term's.
    const size_t term = row + i, shift = term % 2 * 16;
    const integers others = (integers)(term % 2 ? 0x0000FFFF : (int32_t)0xFFFF0000);
    char *line = panel + term / (SLICE / 2) * WEIGHT_SLICE * pieces +
                 term % (SLICE / 2) / 2 * (2 * SLICE);
    for (size_t column = 0; column < columns; column += LANES) {
      integers halves[2], pairs;
      split(load_terms(source + i * stride + column, columns - column), pieces, halves);
      for (size_t piece = 0; piece < pieces; piece++) {
        char *to = line + piece * WEIGHT_SLICE + column * 4;
        memcpy(&pairs, to, sizeof pairs);
        pairs = (pairs & others) | (halves[piece] << (int32_t)shift);
        memcpy(to, &pairs, sizeof pairs);
      }
    }
  }
}

// As attention packs keys and values.
INLINE void pack_weights_halves(
    const float *source, size_t row_stride, size_t column_stride, void *panel, size_t row,
    size_t rows, size_t column, size_t columns, size_t pieces) {
  char *to = (char *)panel + column * 4;
  if (row_stride == 1) pack_columns_halves(source, column_stride, rows, to, columns, pieces);
  else pack_terms_halves(source, row_stride, to, row, rows, columns, pieces);
}

// Sums of int8 products as float32, where they are: times the scales of row and column.
INLINE void dequantise(float *sums, size_t rows, const float *scales, const float *column_scales) {
  for (size_t row = 0; row < rows; row++)
    for (size_t column = 0; column < WEIGHBRIDGE_PANEL_COLUMNS; column += LANES) {
      float *at = sums + row * WEIGHBRIDGE_PANEL_COLUMNS + column;
      const vector value = __builtin_convertvector((integers)load(at), vector);
      store(at, value * (scales[row] * load(column_scales + column)));
    }
}

INLINE const weighbridge_target *target_from(
    const weighbridge_target *target, size_t row, weighbridge_target *moved) {
  *moved = *target;
  moved->destination += row * target->stride;
  if (target->residual) moved->residual += row * target->residual_stride;
  return moved;
}

// That of one of some panels beside each other.
INLINE void panel_target(
    const weighbridge_target *target, size_t panel, weighbridge_target *part) {
  const size_t column = panel * WEIGHBRIDGE_PANEL_COLUMNS, rest = target->columns - column;
  *part = *target;
  part->destination += column;
  part->columns = rest < WEIGHBRIDGE_PANEL_COLUMNS ? rest : WEIGHBRIDGE_PANEL_COLUMNS;
  if (target->bias) part->bias += column;
  if (target->residual) part->residual += column;
}

// The destination's lines of some rows will be written soon. A matrix is far larger than the cache, and a row of a panel two lines of
// it: stores that had to wait for them took a fifth of the time.
INLINE void prefetch_target(const weighbridge_target *target, size_t row, size_t rows) {
  for (size_t end = row + rows; row < end; row++)
    for (size_t column = 0; column < target->columns; column += 16)
      __builtin_prefetch(target->destination + row * target->stride + column, 1, 3);
}

// Numbers as they are unpacked, one by one: for a lookup, which waits for memory.
#define WIDEN(NAME, TYPE, VALUE)                                                              \
  static inline void widen_##NAME##_rows(const void *from, float *to, size_t count) {         \
    const TYPE *numbers = from;                                                               \
    for (size_t i = 0; i < count; i++) {                                                      \
      const TYPE number = numbers[i];                                                         \
      to[i] = VALUE;                                                                          \
    }                                                                                         \
  }
WIDEN(int8, int8_t, number)
WIDEN(bfloat16, uint16_t, ((union { uint32_t bits; float value; }){(uint32_t)number << 16}).value)
WIDEN(pieces, float, number)
#undef WIDEN
