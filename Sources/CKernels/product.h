// The product of rows with a panel of weights, for each type that weights are kept in. Included by kernels.h, which see.

#define UNROLLED _Pragma("clang loop unroll(full)")
#define PANEL WEIGHBRIDGE_PANEL_COLUMNS
#define STRIDE WEIGHBRIDGE_BLOCK_STRIDE

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

// MARK: Product

// One tile. `rows`, `read` and `width` are constants wherever this is inlined, so that all sums stay in registers. They go to the
// destination, in the first-level cache, after every chain of terms.
INLINE void product_tile(
    vector (*read)(const void *), size_t width, const float *left, const char *panel,
    size_t depth, float *destination, size_t stride, size_t rows, int accumulates) {
  const size_t shorter = accumulates ? 0 : WEIGHBRIDGE_CHAIN;
  size_t k = 0;
  do {
    const size_t chain = k < shorter ? WEIGHBRIDGE_SHORT_CHAIN : WEIGHBRIDGE_CHAIN;
    const size_t end = depth - k < chain ? depth : k + chain;
    vector sums[TILE_ROWS][TILE_VECTORS];
    UNROLLED for (size_t row = 0; row < rows; row++)
      UNROLLED for (size_t part = 0; part < TILE_VECTORS; part++) sums[row][part] = splat(0);
    for (; k < end; k++) {
      // Weights that come from memory are asked for early: the processor does not run ahead far enough by itself. Two-byte
      // weights came two to three times as fast, float32 for 4 to 14 rows half as fast again (Sapphire Rapids); float32 for one
      // row came no faster, and from the cache a sixth slower. An address beyond the matrix does no harm.
      if (rows > 1 || width < sizeof(float))
        UNROLLED for (size_t line = 0; line < TILE_VECTORS * LANES * width; line += 64)
          __builtin_prefetch(panel + k * PANEL * width + line + 4096);
      vector right[TILE_VECTORS];
      UNROLLED for (size_t part = 0; part < TILE_VECTORS; part++)
        right[part] = read(panel + (k * PANEL + part * LANES) * width);
      UNROLLED for (size_t row = 0; row < rows; row++)
        UNROLLED for (size_t part = 0; part < TILE_VECTORS; part++)
          sums[row][part] = splat(left[row * STRIDE + k]) * right[part] + sums[row][part];
    }
    UNROLLED for (size_t row = 0; row < rows; row++)
      UNROLLED for (size_t part = 0; part < TILE_VECTORS; part++) {
        float *to = destination + row * stride + part * LANES;
        store(to, accumulates ? load(to) + sums[row][part] : sums[row][part]);
      }
    accumulates = 1;
  } while (k < depth);
}

// Inlined once for each element. A last panel with fewer columns goes through a buffer of whole ones: there is one of them in a
// matrix.
INLINE void product_with(
    vector (*read)(const void *), size_t width, const float *left, const char *panel,
    size_t depth, float *destination, size_t stride, size_t rows, size_t columns,
    int accumulates) {
  float whole[TILE_ROWS * PANEL], *target = destination;
  size_t target_stride = stride;
  if (columns < PANEL) {
    memset(whole, 0, sizeof whole);
    for (size_t row = 0; accumulates && row < rows; row++)
      memcpy(whole + row * PANEL, destination + row * stride, columns * sizeof(float));
    target = whole;
    target_stride = PANEL;
  }
  for (size_t column = 0; column < PANEL; column += TILE_VECTORS * LANES) {
    const char *part = panel + column * width;
    float *to = target + column;
    switch (rows) {
#define ROWS(N)                                                                               \
  case N:                                                                                     \
    product_tile(read, width, left, part, depth, to, target_stride, N, accumulates);          \
    break;
      ROWS(1) ROWS(2) ROWS(3) ROWS(4)
#if TILE_ROWS > 4
      ROWS(5) ROWS(6)
#endif
#if TILE_ROWS > 6
      ROWS(7) ROWS(8)
#endif
#if TILE_ROWS > 8
      ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#endif
#undef ROWS
      default: break;
    }
  }
  for (size_t row = 0; columns < PANEL && row < rows; row++)
    memcpy(destination + row * stride, whole + row * PANEL, columns * sizeof(float));
}

#define ELEMENT(NAME, WIDTH)                                                                  \
  static void product_##NAME(                                                                 \
      const float *left, const void *panel, size_t depth, float *destination, size_t stride,  \
      size_t rows, size_t columns, int accumulates) {                                         \
    product_with(                                                                             \
        read_##NAME, WIDTH, left, panel, depth, destination, stride, rows, columns,           \
        accumulates);                                                                         \
  }                                                                                           \
  static void widen_##NAME(const void *from, float *to, size_t count) {                       \
    widen_with(read_##NAME, WIDTH, from, to, count);                                          \
  }
ELEMENT(float32, 4)
ELEMENT(bfloat16, 2)
ELEMENT(float16, 2)
#undef ELEMENT

// Widening takes the arithmetic's own ports in every tile, and a fraction of one tile's time if it is done once.
static const weighbridge_weights weights[WEIGHBRIDGE_ELEMENT_COUNT] = {
#define ELEMENT(CODE, NAME, WIDENS_FIRST)                                                     \
  [WEIGHBRIDGE_##CODE] = {                                                                    \
      &weighbridge_plain_packings[WEIGHBRIDGE_##CODE], product_##NAME, widen_##NAME,          \
      WIDENS_FIRST},
    ELEMENT(FLOAT32, float32, 0)
    ELEMENT(BFLOAT16, bfloat16, 1)
    ELEMENT(FLOAT16, float16, 1)
#undef ELEMENT
};
