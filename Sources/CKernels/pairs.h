// Products of int8 where no instruction adds up products of bytes without loss: of numbers of 16 bits two are multiplied with two, and
// both results added. Included by kernels.h, before product.h.
//
//   a block   the scales of the rows, as float32, up to a multiple of 16; then row by row its terms, of 16 bits each, filled up with
//             zeros to whole slices (rows.h): of each four the first and third, then the second and fourth. A row takes a line more than
//             that, or all would fall on the same few sets of the first-level cache
//   weights   as rows.h has them: four bytes of each column. As 16 bits they are two such pairs
//
// Sums of integers are exact: every set of kernels gives the same.

typedef int16_t pairs __attribute__((ext_vector_type(2 * LANES)));

#ifndef MULTIPLY_PAIRS
INLINE integers multiply_pairs(integers left, integers right) {
  return ((left << 16) >> 16) * ((right << 16) >> 16) + (left >> 16) * (right >> 16);
}
#endif

// The first and third of four bytes in each lane, and the second and fourth.
INLINE integers even_pairs(integers bytes_of) { return (integers)((pairs)((pairs)bytes_of << 8) >> 8); }
INLINE integers odd_pairs(integers bytes_of) { return (integers)((pairs)bytes_of >> 8); }

INLINE integers load_integers(const void *from) {
  integers result;
  memcpy(&result, from, sizeof result);
  return result;
}

#define COLUMNS WEIGHBRIDGE_PANEL_COLUMNS
#define COLUMN_VECTORS (COLUMNS / LANES)
// Pairs of a slice.
#define SLICE_PAIRS (SLICE / 2)
// Slices that are widened at once, at most.
#define WIDENED_SLICES 8

INLINE size_t pair_row_size(size_t depth) { return slices_of(depth, 1) * 2 * SLICE + 64; }

static size_t pairs_block_size(size_t rows, size_t depth) {
  return groups_of(rows) * GROUP * sizeof(float) + rows * pair_row_size(depth);
}

// The slices of a panel that take about half of the first-level cache when they are widened.
static size_t widened_slices(void) {
  const size_t slices = weighbridge_cache_size(1) / 2 / (2 * WEIGHT_SLICE);
  return slices < 1 ? 1 : slices > WIDENED_SLICES ? WIDENED_SLICES : slices;
}

// Half of the second-level cache, for the terms that are taken at once and the sums of some panels.
static size_t pairs_block_rows(size_t depth) {
  (void)depth;
  const size_t row =
      widened_slices() * 2 * SLICE + WEIGHBRIDGE_MOST_PANELS * COLUMNS * sizeof(float);
  const size_t tiles = weighbridge_cache_size(2) / 2 / (row * TILE_ROWS), most = 144 / TILE_ROWS;
  return TILE_ROWS * (tiles < 2 ? 2 : tiles > most ? most : tiles);
}

static void pack_pairs(
    const float *source, size_t stride, size_t row, size_t count, size_t rows, size_t depth,
    void *block) {
  float *scales = (float *)block + row;
  char *to =
      (char *)block + groups_of(rows) * GROUP * sizeof(float) + row * pair_row_size(depth);
  memset(scales, 0, groups_of(count) * GROUP * sizeof(float));
  for (size_t r = 0; r < count; r++, source += stride, to += pair_row_size(depth)) {
    scales[r] = row_scale(source, depth);
    const float inverse = inverse_of_scale(scales[r]);
    for (size_t k = 0; k < slices_of(depth, 1) * SLICE; k += LANES) {
      const integers steps =
          quantised(k < depth ? load_terms(source + k, depth - k) : splat(0), inverse);
      words packed = __builtin_convertvector(steps & 0xFFFF, words);
#if LANES == 4
      packed = __builtin_shufflevector(packed, packed, 0, 2, 1, 3);
#elif LANES == 8
      packed = __builtin_shufflevector(packed, packed, 0, 2, 1, 3, 4, 6, 5, 7);
#else
      packed = __builtin_shufflevector(
          packed, packed, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15);
#endif
      memcpy(to + 2 * k, &packed, sizeof packed);
    }
  }
}

// Two terms of each row and column of a tile.
INLINE void add_pairs(
    integers totals[TILE_ROWS][COLUMN_VECTORS], const char *left, size_t stride,
    const integers *weights, size_t rows, size_t vectors) {
  UNROLLED for (size_t row = 0; row < rows; row++) {
    int32_t two;
    memcpy(&two, left + row * stride, sizeof two);
    UNROLLED for (size_t part = 0; part < vectors; part++)
      totals[row][part] += multiply_pairs((integers)(two), weights[part]);
  }
}

// Some terms of a tile, four of each row and column at a time. `right` are weights that were widened, or, where `is_alone`, as they are
// stored. `rows`, `vectors` and `is_alone` are constants wherever this is inlined.
INLINE void pairs_tile(
    const char *left, size_t stride, const char *right, size_t quads, float *destination,
    size_t rows, size_t vectors, int accumulates, int is_alone) {
  const size_t line = COLUMNS * (is_alone ? 4 : 8);
  integers totals[TILE_ROWS][COLUMN_VECTORS], even[COLUMN_VECTORS], odd[COLUMN_VECTORS];
  UNROLLED for (size_t row = 0; row < rows; row++)
    UNROLLED for (size_t part = 0; part < vectors; part++)
      totals[row][part] = accumulates
                              ? load_integers(destination + row * COLUMNS + part * LANES)
                              : (integers)splat(0);
  for (size_t quad = 0; quad < quads; quad++, left += 8, right += line) {
    if (is_alone)
      UNROLLED for (size_t ahead = 0; ahead < vectors * LANES * 4; ahead += 64)
        __builtin_prefetch(right + ahead + 8192, 0, 2);
    UNROLLED for (size_t part = 0; part < vectors; part++) {
      const integers four = load_integers(right + part * LANES * 4);
      even[part] = is_alone ? even_pairs(four) : four;
      odd[part] =
          is_alone ? odd_pairs(four) : load_integers(right + line / 2 + part * LANES * 4);
    }
    add_pairs(totals, left, stride, even, rows, vectors);
    add_pairs(totals, left + 4, stride, odd, rows, vectors);
  }
  UNROLLED for (size_t row = 0; row < rows; row++)
    UNROLLED for (size_t part = 0; part < vectors; part++)
      store(destination + row * COLUMNS + part * LANES, (vector)totals[row][part]);
}

// The rows of a tile with all columns of a panel: at once where the registers hold the sums and leave room, else some vectors of columns
// after the other.
INLINE void pairs_rows(
    const char *left, size_t stride, const char *right, size_t quads, float *destination,
    size_t rows, int accumulates, int is_alone) {
  switch (rows) {
#define ROWS(N)                                                                               \
  case N: {                                                                                   \
    const size_t vectors =                                                                    \
        N * COLUMN_VECTORS < TILE_ROWS * TILE_VECTORS ? COLUMN_VECTORS : TILE_VECTORS;        \
    for (size_t column = 0; column < COLUMNS; column += vectors * LANES)                      \
      pairs_tile(                                                                             \
          left, stride, right + column * 4, quads, destination + column, N, vectors,          \
          accumulates, is_alone);                                                             \
    break;                                                                                    \
  }
    EACH_TILE(ROWS)
#undef ROWS
    default: break;
  }
}

// Some terms of all rows with one panel after the other, and then the next terms, as product.h has it for numbers of floating point.
static void multiply_pairs_int8(
    const void *block, size_t rows, size_t depth, const void *weights, size_t panels, float *sums,
    const weighbridge_target *target) {
  const size_t slices = slices_of(depth, 1), stride = pair_row_size(depth);
  const size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  const size_t step = tiles > 1 ? widened_slices() : slices;
  const size_t distance = slices * WEIGHT_SLICE + COLUMNS * sizeof(float);
  const float *scales = block;
  const char *left = (const char *)block + groups_of(rows) * GROUP * sizeof(float);
  integers widened[WIDENED_SLICES * SLICE_PAIRS * COLUMN_VECTORS];
  size_t slice = 0;
  do {
    const size_t count = slices - slice < step ? slices - slice : step;
    const size_t quads = count * SLICE / 4;
    const int is_last = slice + count >= slices;
    for (size_t panel = 0; panel < panels; panel++) {
      const char *start = (const char *)weights + panel * distance;
      const char *right = start + slice * WEIGHT_SLICE;
      const char *next = panel + 1 < panels
                             ? right + distance
                             : (const char *)weights + (slice + count) * WEIGHT_SLICE;
      // Sums that are done with these terms need no place of their own.
      float *panel_sums = sums + (slices > step ? panel * rows * COLUMNS : 0);
      weighbridge_target moved, part;
      panel_target(target, panel, &part);
      if (tiles > 1)
        for (size_t i = 0; i < quads; i++)
          UNROLLED for (size_t vector = 0; vector < COLUMN_VECTORS; vector++) {
            const integers four = load_integers(right + (i * COLUMN_VECTORS + vector) * LANES * 4);
            widened[2 * i * COLUMN_VECTORS + vector] = even_pairs(four);
            widened[(2 * i + 1) * COLUMN_VECTORS + vector] = odd_pairs(four);
          }
      const size_t asked = (count * WEIGHT_SLICE / 64 + tiles - 1) / tiles * 64;
      for (size_t tile = 0, row = 0; tile < tiles; tile++) {
        const size_t many = rows / tiles + (tile < rows % tiles);
        const char *from = left + row * stride + slice * 2 * SLICE;
        float *to = panel_sums + row * COLUMNS;
        if (is_last) prefetch_target(&part, row, many);
        if (tiles > 1) {
          for (size_t line = 0; line < asked; line += 64)
            __builtin_prefetch(next + tile * asked + line, 0, 2);
          pairs_rows(from, stride, (const char *)widened, quads, to, many, slice > 0, 0);
        } else
          pairs_rows(from, stride, right, quads, to, many, slice > 0, 1);
        if (is_last) {
          dequantise(
              to, many, scales + row, (const float *)(start + slices * WEIGHT_SLICE));
          finish(to, COLUMNS, many, target_from(&part, row, &moved));
        }
        row += many;
      }
    }
    slice += count;
  } while (slice < slices);
}
#undef COLUMNS
#undef COLUMN_VECTORS
