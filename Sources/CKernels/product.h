// The product of rows with a panel of weights, for each type that weights are kept in. Included by kernels.h, which see.

#define PANEL WEIGHBRIDGE_PANEL_COLUMNS
#define PANEL_VECTORS (PANEL / LANES)
#define STRIDE WEIGHBRIDGE_BLOCK_STRIDE
#define DEPTH WEIGHBRIDGE_BLOCK_DEPTH

// MARK: Elements

// A vector of weights as float32, from an address in their own type. All of these are exact.

typedef uint16_t halves __attribute__((ext_vector_type(LANES)));

INLINE integers load_halves(const void *from) {
  halves bits;
  memcpy(&bits, from, sizeof bits);
  return __builtin_convertvector(bits, integers);
}

INLINE vector read_float32(const void *from) { return load(from); }
INLINE vector read_bfloat16(const void *from) { return (vector)(load_halves(from) << 16); }

#ifndef CONVERTS_FLOAT16
// The exponent counts from 15, and is to count from 127. Below the normal numbers there is no leading 1: it is set, and taken off
// again. What is infinite or no number gets the largest exponent.
INLINE vector read_float16(const void *from) {
  const integers bits = load_halves(from), magnitude = (bits & 0x7FFF) << 13;
  const integers all = magnitude >= (31 << 23);
  const integers normal = magnitude + (112 << 23) + (all & (112 << 23));
  const vector small = (vector)(magnitude + (113 << 23)) - 0x1p-14f;
  const vector value = choose(magnitude < (1 << 23), small, (vector)normal);
  return (vector)((integers)value | ((bits & 0x8000) << 16));
}
#endif

INLINE void widen_with(
    vector (*read)(const void *), size_t width, const char *from, float *to, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store(to + i, read(from + i * width));
  if (i == count) return;
  char rest[LANES * sizeof(float)] = {0};
  memcpy(rest, from + i * width, (count - i) * width);
  store_part(to + i, read(rest), count - i);
}

// MARK: Tiles

// A term of each row of a tile with some vectors of its weights. Where the weights are more vectors than there are rows, it is the rows'
// numbers that stay in registers: with those of the sums there is one left.
INLINE void add_term(
    vector (*read)(const void *), size_t width, const float *left, const char *panel,
    vector sums[TILE_ROWS][PANEL_VECTORS], size_t rows, size_t vectors) {
  if (rows < vectors) {
    vector numbers[TILE_ROWS];
    UNROLLED for (size_t row = 0; row < rows; row++) numbers[row] = splat(left[row * STRIDE]);
    UNROLLED for (size_t part = 0; part < vectors; part++) {
      const vector right = read(panel + part * LANES * width);
      UNROLLED for (size_t row = 0; row < rows; row++)
        sums[row][part] = numbers[row] * right + sums[row][part];
    }
    return;
  }
  vector right[PANEL_VECTORS];
  UNROLLED for (size_t part = 0; part < vectors; part++)
    right[part] = read(panel + part * LANES * width);
  UNROLLED for (size_t row = 0; row < rows; row++)
    UNROLLED for (size_t part = 0; part < vectors; part++)
      sums[row][part] = splat(left[row * STRIDE]) * right[part] + sums[row][part];
}

// One tile. `rows`, `vectors`, `read`, `width`, `is_alone` and `asks` are constants wherever this is inlined, so that all sums stay in
// registers and no step asks whether there is something to ask for.
// They go to the destination, in the first-level cache, after every chain of terms. Terms are taken some at a time (TERMS), which
// changes no sum.
//
// What is needed next is asked for meanwhile. A tile that is alone takes its weights from memory, and the processor does not run
// ahead far enough by itself: two-byte weights came two to three times as fast, float32 for 4 to 14 rows half as fast again
// (Sapphire Rapids); float32 for one row came no faster, and from the cache a sixth slower. Where there are several, each that asks does
// so for a line each time from `ahead` on. An address beyond the matrix does no harm.
INLINE void product_tile(
    vector (*read)(const void *), size_t width, const float *left, const char *panel,
    size_t depth, float *destination, size_t rows, size_t vectors, int accumulates, int is_alone,
    int asks, const char *ahead) {
  size_t chain = accumulates ? WEIGHBRIDGE_CHAIN : WEIGHBRIDGE_SHORT_CHAIN;
  size_t done = 0;
  do {
    const size_t terms = depth - done < chain ? depth - done : chain;
    vector sums[TILE_ROWS][PANEL_VECTORS];
    UNROLLED for (size_t row = 0; row < rows; row++)
      UNROLLED for (size_t part = 0; part < vectors; part++) sums[row][part] = splat(0);
    for (size_t steps = terms / TERMS; steps > 0; steps--) {
      if (asks) {
        __builtin_prefetch(ahead, 0, 2);
        ahead += 64;
      }
      UNROLLED for (size_t term = 0; term < TERMS; term++) {
        if (is_alone && (rows > 1 || width < sizeof(float)))
          UNROLLED for (size_t line = 0; line < vectors * LANES * width; line += 64)
            __builtin_prefetch(panel + term * PANEL * width + line + 4096);
        add_term(read, width, left + term, panel + term * PANEL * width, sums, rows, vectors);
      }
      left += TERMS;
      panel += TERMS * PANEL * width;
    }
    for (size_t rest = terms % TERMS; rest > 0; rest--, left++, panel += PANEL * width)
      add_term(read, width, left, panel, sums, rows, vectors);
    UNROLLED for (size_t row = 0; row < rows; row++)
      UNROLLED for (size_t part = 0; part < vectors; part++) {
        float *to = destination + row * PANEL + part * LANES;
        store(to, accumulates ? load(to) + sums[row][part] : sums[row][part]);
      }
    accumulates = 1;
    done += terms;
    if (done >= WEIGHBRIDGE_CHAIN) chain = WEIGHBRIDGE_CHAIN;
  } while (done < depth);
}

// The rows of a tile with all columns of a panel: at once if the registers hold the sums of so few rows, else a few vectors of columns
// after the other, which each ask for lines of their own.
INLINE void product_rows(
    vector (*read)(const void *), size_t width, const float *left, const char *panel,
    size_t depth, float *destination, size_t rows, int accumulates, int is_alone, int asks,
    const char *ahead) {
  switch (rows) {
#define ROWS(N)                                                                               \
  case N: {                                                                                   \
    const size_t vectors =                                                                    \
        N * PANEL_VECTORS <= TILE_ROWS * TILE_VECTORS ? PANEL_VECTORS : TILE_VECTORS;         \
    for (size_t column = 0; column < PANEL; column += vectors * LANES) {                      \
      product_tile(                                                                           \
          read, width, left, panel + column * width, depth, destination + column, N, vectors, \
          accumulates, is_alone, asks, ahead);                                                \
      if (asks) ahead += depth / TERMS * 64;                                                  \
    }                                                                                         \
    break;                                                                                    \
  }
    EACH_TILE(ROWS)
#undef ROWS
    default: break;
  }
}

// Tiles of float32 numbers that are not alone, whatever type the weights came in: once in the object for all of them. `ahead` is what they
// ask for, or NULL.
static __attribute__((noinline)) void product_in_cache(
    const float *left, const char *panel, size_t depth, float *destination, size_t rows,
    int accumulates, const char *ahead) {
  const size_t width = sizeof(float);
  if (ahead)
    product_rows(
        read_float32, width, left, panel, depth, destination, rows, accumulates, 0, 1, ahead);
  else
    product_rows(
        read_float32, width, left, panel, depth, destination, rows, accumulates, 0, 0, NULL);
}

// MARK: Blocks of rows

INLINE size_t block_row_size(size_t depth) {
  return (depth + DEPTH - 1) / DEPTH * STRIDE * sizeof(float);
}

// The terms of which a panel's weights take about half of the first-level cache. Sums are the same whatever it is: it is a multiple of
// a chain.
static size_t terms_at_once(void) {
  return weighbridge_cache_size(1) < 48 << 10 ? DEPTH / 2 : DEPTH;
}

// Half of the second-level cache, for the terms that are taken at once and the sums of some panels; beyond 140 rows there is nothing to
// be gained.
static size_t block_rows(size_t depth) {
  (void)depth;
  const size_t row = (terms_at_once() + WEIGHBRIDGE_MOST_PANELS * PANEL) * sizeof(float);
  const size_t tiles = weighbridge_cache_size(2) / 2 / (row * TILE_ROWS), most = 144 / TILE_ROWS;
  return TILE_ROWS * (tiles < 2 ? 2 : tiles > most ? most : tiles);
}

static size_t block_size(size_t rows, size_t depth) { return rows * block_row_size(depth); }

#if LANES == 16
#define LOW_HALVES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_HALVES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define LOW_HALVES 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_HALVES 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LOW_HALVES 0, 4, 1, 5
#define HIGH_HALVES 2, 6, 3, 7
#endif

// A square of as many rows as a vector has numbers, transposed in registers: rows half of them apart become one row of twice the
// length, again and again. `stride` and `to` are the distances between rows.
INLINE void turn_square(const float *source, size_t stride, float *destination, size_t to) {
  vector rows[LANES], turned[LANES];
  UNROLLED for (size_t i = 0; i < LANES; i++) rows[i] = load(source + i * stride);
  UNROLLED for (size_t step = 1; step < LANES; step *= 2) {
    UNROLLED for (size_t i = 0; i < LANES / 2; i++) {
      turned[2 * i] = __builtin_shufflevector(rows[i], rows[i + LANES / 2], LOW_HALVES);
      turned[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + LANES / 2], HIGH_HALVES);
    }
    UNROLLED for (size_t i = 0; i < LANES; i++) rows[i] = turned[i];
  }
  UNROLLED for (size_t i = 0; i < LANES; i++) store(destination + i * to, rows[i]);
}

// What stands in `columns` columns of `depth` rows becomes rows of a block. The rows of the source may be far apart, so that the
// processor does not see which ones come next: they are asked for.
static void turn(
    const float *source, size_t stride, size_t columns, size_t depth, float *block) {
  const size_t whole = depth / LANES * LANES, squares = columns / LANES * LANES;
  for (size_t row = 0; row < whole; row += LANES) {
    const float *from = source + row * stride;
    for (size_t column = 0; column < squares; column += LANES) {
      for (size_t i = 0; i < LANES; i++)
        __builtin_prefetch(from + (LANES + i) * stride + column, 0, 2);
      turn_square(from + column, stride, block + column * STRIDE + row, STRIDE);
    }
  }
  for (size_t column = 0; column < columns; column++)
    for (size_t row = column < squares ? whole : 0; row < depth; row++)
      block[column * STRIDE + row] = source[row * stride + column];
}

// Blocks of DEPTH terms, one after the other, each with all rows.
INLINE void pack_block(
    void (*pack)(const float *, size_t, size_t, size_t, float *), const float *source,
    size_t stride, size_t step, size_t row, size_t count, size_t rows, size_t depth, void *block) {
  for (size_t start = 0; start < depth; start += DEPTH) {
    const size_t part = depth - start < DEPTH ? depth - start : DEPTH;
    float *to = (float *)block + (start / DEPTH * rows + row) * STRIDE;
    pack(source + start * step, stride, count, part, to);
  }
}

static void pack_rows(
    const float *source, size_t stride, size_t row, size_t count, size_t rows, size_t depth,
    void *block) {
  pack_block(weighbridge_pack_block, source, stride, 1, row, count, rows, depth, block);
}

static void pack_columns(
    const float *source, size_t stride, size_t row, size_t count, size_t rows, size_t depth,
    void *block) {
  pack_block(turn, source, stride, stride, row, count, rows, depth, block);
}

// Attention packs keys and values as weights.
static void pack_plain(
    const float *source, size_t row_stride, size_t column_stride, void *panel, size_t row,
    size_t rows, size_t column, size_t columns) {
  float *to = (float *)panel + row * PANEL + column;
  weighbridge_pack_panel(source, row_stride, column_stride, rows, columns, to);
}

// Rows of a tile or two: each panel's weights are read from the first to the last, and so are all panels', for that is what takes time.
INLINE void multiply_few(
    vector (*read)(const void *), size_t width, const float *block, size_t rows, size_t depth,
    const char *weights, size_t panels, float *sums, const weighbridge_target *target) {
  const size_t first = rows <= TILE_ROWS ? rows : rows - rows / 2;
  for (size_t panel = 0; panel < panels; panel++) {
    const char *right = weights + panel * depth * PANEL * width;
    size_t start = 0;
    do {
      const size_t terms = depth - start < DEPTH ? depth - start : DEPTH;
      const float *left = block + start / DEPTH * rows * STRIDE;
      product_rows(read, width, left, right, terms, sums, first, start > 0, 1, 0, NULL);
      // From the first-level cache; of two-byte weights there is one tile.
      if (width == sizeof(float))
        product_in_cache(
            left + first * STRIDE, right, terms, sums + first * PANEL, rows - first, start > 0,
            NULL);
      right += terms * PANEL * width;
      start += terms;
    } while (start < depth);
    weighbridge_target part;
    panel_target(target, panel, &part);
    finish(sums, PANEL, rows, &part);
  }
}

// Some terms of all rows with one panel after the other: its weights are in the first-level cache meanwhile, and the rows in the second
// while they meet all panels. Sums are kept beside each other, and each tile goes to the matrix once, when its last terms are added.
// Weights of two bytes that meet several tiles are widened before: that takes the arithmetic's own ports in every tile, and a fraction
// of one tile's time if it is done once.
INLINE void multiply_with(
    vector (*read)(const void *), size_t width, const float *block, size_t rows, size_t depth,
    const char *weights, size_t panels, float *sums, const weighbridge_target *target) {
  const size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS, step = terms_at_once();
  // Weights of two bytes are to be widened once for two tiles.
  if (tiles <= (width < sizeof(float) ? 1 : 2)) {
    multiply_few(read, width, block, rows, depth, weights, panels, sums, target);
    return;
  }
  const size_t distance = depth * PANEL * width;
  const int widens = width < sizeof(float);
  vector widened[DEPTH * PANEL_VECTORS];
  size_t start = 0;
  do {
    const size_t terms = depth - start < step ? depth - start : step;
    const float *left = block + start / DEPTH * rows * STRIDE + start % DEPTH;
    const int is_last = start + terms >= depth;
    // Each tile asks for some bytes: the first ones for the weights that follow, the others for the rows with their next terms, some by
    // each panel.
    const size_t asked = terms / TERMS * 64 * (PANEL_VECTORS / TILE_VECTORS);
    const size_t weight_tiles = asked ? (terms * PANEL * width + asked - 1) / asked : tiles;
    const char *next_rows =
        (const char *)(block + (is_last ? 0 : (start + terms) / DEPTH * rows * STRIDE));
    for (size_t panel = 0; panel < panels; panel++) {
      const char *right = weights + panel * distance + start * PANEL * width;
      const char *next = panel + 1 < panels
                             ? right + distance
                             : weights + (start + terms) * PANEL * width;
      // Sums that are done with these terms need no place of their own.
      float *panel_sums = sums + (depth > step ? panel * rows * PANEL : 0);
      weighbridge_target moved, part;
      panel_target(target, panel, &part);
      if (widens)
        for (size_t i = 0; i < terms * PANEL_VECTORS; i++)
          widened[i] = read(right + i * LANES * width);
      for (size_t tile = 0, row = 0; tile < tiles; tile++) {
        const size_t count = rows / tiles + (tile < rows % tiles);
        float *to = panel_sums + row * PANEL;
        if (is_last) prefetch_target(&part, row, count);
        const char *ahead = NULL;
        if (tile < weight_tiles) ahead = next + tile * asked;
        else {
          const size_t place = (panel * (tiles - weight_tiles) + tile - weight_tiles) * asked;
          if (place < rows * STRIDE * sizeof(float)) ahead = next_rows + place;
        }
        product_in_cache(
            left + row * STRIDE, widens ? (const char *)widened : right, terms, to, count,
            start > 0, ahead);
        if (is_last) finish(to, PANEL, count, target_from(&part, row, &moved));
        row += count;
      }
    }
    start += terms;
  } while (start < depth);
}

#define ELEMENT(NAME, WIDTH)                                                                  \
  static void multiply_##NAME(                                                                \
      const void *block, size_t rows, size_t depth, const void *weights, size_t panels,       \
      float *sums, const weighbridge_target *target) {                                        \
    multiply_with(read_##NAME, WIDTH, block, rows, depth, weights, panels, sums, target);     \
  }                                                                                           \
  static void widen_##NAME(const void *from, float *to, size_t count) {                       \
    widen_with(read_##NAME, WIDTH, from, to, count);                                          \
  }
ELEMENT(float32, 4)
ELEMENT(bfloat16, 2)
ELEMENT(float16, 2)
#undef ELEMENT

static const weighbridge_weights weights[WEIGHBRIDGE_ELEMENT_COUNT] = {
#define ELEMENT(CODE, NAME)                                                                   \
  [WEIGHBRIDGE_##CODE] = {                                                                    \
      &weighbridge_plain_packings[WEIGHBRIDGE_##CODE], WEIGHBRIDGE_MOST_PANELS, block_rows,   \
      block_size, pack_rows, multiply_##NAME, widen_##NAME, pack_columns},
    ELEMENT(FLOAT32, float32)
    ELEMENT(BFLOAT16, bfloat16)
    ELEMENT(FLOAT16, float16)
#undef ELEMENT
    [WEIGHBRIDGE_INT8] = {
        &weighbridge_int8_packing, WEIGHBRIDGE_MOST_PANELS, pairs_block_rows, pairs_block_size,
        pack_pairs, multiply_pairs_int8, widen_int8_rows},
};

static const weighbridge_attention plain_attention = {&weights[WEIGHBRIDGE_FLOAT32], pack_plain, 1};
