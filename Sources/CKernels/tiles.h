// Products of int8 and bfloat16 in tiles, as rows.h lays them out. The file that includes this has defined operations on eight tiles of
// 16 rows of 64 bytes, whose numbers are constants:
//   TILES_BEGIN(), TILES_END()      around the product of a block, on each thread
//   TILE_ZERO(t)
//   TILE_LOAD(t, from, stride), TILE_STORE(t, to, stride)
//   TILE_DOT_INT8(to, left, right), TILE_DOT_BFLOAT16(to, left, right)
// and FINISH, which takes rows to their target. Two by two tiles of sums (0 to 3) meet two of rows (4 and 5) and two of weights.

#define PANEL WEIGHBRIDGE_PANEL_COLUMNS

enum tile_numbers { INT8, BFLOAT16, PIECES };

#define DOT(TO, LEFT, RIGHT)                                                                  \
  if (numbers == INT8) TILE_DOT_INT8(TO, LEFT, RIGHT);                                        \
  else TILE_DOT_BFLOAT16(TO, LEFT, RIGHT)
#define DOTS()                                                                                \
  DOT(0, 4, 6);                                                                               \
  DOT(1, 4, 7);                                                                               \
  if (both) {                                                                                 \
    DOT(2, 5, 6);                                                                             \
    DOT(3, 5, 7);                                                                             \
  }
#define LOAD_ROWS(PIECE)                                                                      \
  TILE_LOAD(4, rows + PIECE * TILE, SLICE);                                                   \
  if (both) TILE_LOAD(5, second + PIECE * TILE, SLICE);
#define LOAD_WEIGHTS(PIECE)                                                                   \
  TILE_LOAD(6, weights + PIECE * WEIGHT_SLICE, 2 * SLICE);                                    \
  TILE_LOAD(7, weights + PIECE * WEIGHT_SLICE + SLICE, 2 * SLICE);

// Some slices of one group, or of two that are `distance` bytes apart. `numbers` and `both` are constants where this is inlined.
INLINE void sum_tiles(
    enum tile_numbers numbers, int both, const char *rows, size_t distance, const char *weights,
    size_t slices, float *sums, int accumulates) {
  const size_t pieces = numbers == PIECES ? 2 : 1;
  const char *second = rows + distance;
  if (accumulates) {
    TILE_LOAD(0, sums, PANEL * 4);
    TILE_LOAD(1, sums + 16, PANEL * 4);
    if (both) {
      TILE_LOAD(2, sums + GROUP * PANEL, PANEL * 4);
      TILE_LOAD(3, sums + GROUP * PANEL + 16, PANEL * 4);
    }
  } else {
    TILE_ZERO(0);
    TILE_ZERO(1);
    if (both) {
      TILE_ZERO(2);
      TILE_ZERO(3);
    }
  }
  for (; slices > 0; slices--) {
    // Of weights that come from memory, which one group alone reads, a slice far ahead is asked for.
    if (!both)
      for (size_t line = 0; line < WEIGHT_SLICE * pieces; line += 64)
        __builtin_prefetch(weights + line + 8 * WEIGHT_SLICE, 0, 2);
    LOAD_ROWS(0)
    LOAD_WEIGHTS(0)
    DOTS()
    if (numbers == PIECES) {
      // (a + b)(c + d) without b d, which is less than the rounding of the others.
      LOAD_WEIGHTS(1)
      DOTS()
      LOAD_ROWS(1)
      LOAD_WEIGHTS(0)
      DOTS()
    }
    rows += TILE * pieces;
    second += TILE * pieces;
    weights += WEIGHT_SLICE * pieces;
  }
  TILE_STORE(0, sums, PANEL * 4);
  TILE_STORE(1, sums + 16, PANEL * 4);
  if (both) {
    TILE_STORE(2, sums + GROUP * PANEL, PANEL * 4);
    TILE_STORE(3, sums + GROUP * PANEL + 16, PANEL * 4);
  }
}

// Some slices of all rows at a time, whose weights are in the first-level cache meanwhile, as with float32.
INLINE void multiply_tiles(
    enum tile_numbers numbers, const void *block, size_t rows, size_t depth, const char *panel,
    float *sums, const weighbridge_target *target) {
  const size_t width = numbers == INT8 ? 1 : 2, pieces = numbers == PIECES ? 2 : 1;
  const size_t groups = groups_of(rows), slices = slices_of(depth, width);
  const size_t most = slices_at_once(pieces), step = rows <= GROUP ? slices + 1 : most;
  const float *scales = block;
  const char *left = (const char *)block + (numbers == INT8 ? groups * GROUP * sizeof(float) : 0);
  const size_t distance = slices * TILE * pieces;
  size_t slice = 0;
  do {
    const size_t count = slices - slice < step ? slices - slice : step;
    const char *weights = panel + slice * WEIGHT_SLICE * pieces;
    for (size_t group = 0; group < groups; group += 2) {
      const char *from = left + group * distance + slice * TILE * pieces;
      float *to = sums + group * GROUP * PANEL;
      if (group + 1 < groups) sum_tiles(numbers, 1, from, distance, weights, count, to, slice > 0);
      else sum_tiles(numbers, 0, from, distance, weights, count, to, slice > 0);
      if (slice + count < slices) continue;
      const size_t row = group * GROUP, rest = rows - row;
      const size_t finished = rest < 2 * GROUP ? rest : 2 * GROUP;
      if (numbers == INT8)
        dequantise(to, finished, scales + row, (const float *)(panel + slices * WEIGHT_SLICE));
      weighbridge_target moved;
      FINISH(to, PANEL, finished, target_from(target, row, &moved));
    }
    slice += count;
  } while (slice < slices);
}

#define NUMBERS(NAME, CODE, WIDTH, PIECE_COUNT, PACKING)                                      \
  static void multiply_##NAME(                                                                \
      const void *block, size_t rows, size_t depth, const void *weights, size_t panels,       \
      float *sums, const weighbridge_target *target) {                                        \
    const size_t distance = PACKING.panel_size(depth);                                        \
    TILES_BEGIN();                                                                            \
    for (size_t panel = 0; panel < panels; panel++) {                                         \
      weighbridge_target part;                                                                \
      panel_target(target, panel, &part);                                                     \
      multiply_tiles(                                                                         \
          CODE, block, rows, depth, (const char *)weights + panel * distance, sums, &part);   \
    }                                                                                         \
    TILES_END();                                                                              \
  }                                                                                           \
  static size_t block_rows_##NAME(size_t depth) {                                             \
    return sliced_block_rows(depth, WIDTH, PIECE_COUNT);                                      \
  }                                                                                           \
  static size_t block_size_##NAME(size_t rows, size_t depth) {                                \
    return sliced_block_size(rows, depth, WIDTH, PIECE_COUNT);                                \
  }                                                                                           \
  static void pack_##NAME(                                                                    \
      const float *source, size_t stride, size_t row, size_t count, size_t rows, size_t depth, \
      void *block) {                                                                          \
    if (CODE == INT8) pack_rows_int8(source, stride, row, count, rows, depth, block, 0);      \
    else pack_rows_halves(source, stride, row, count, depth, block, PIECE_COUNT);             \
  }                                                                                           \
  const weighbridge_weights WEIGHTS(NAME) = {                                                 \
      &PACKING, block_rows_##NAME, block_size_##NAME, pack_##NAME, multiply_##NAME,           \
      widen_##NAME##_rows};
NUMBERS(int8, INT8, 1, 1, weighbridge_int8_packing)
NUMBERS(bfloat16, BFLOAT16, 2, 1, weighbridge_pair_packing)
NUMBERS(pieces, PIECES, 2, 2, weighbridge_piece_packing)
#undef NUMBERS
