// Products of int8 and bfloat16 in tiles, as rows.h lays them out. The file that includes this has defined operations on eight tiles of
// 16 rows of 64 bytes, whose numbers are constants:
//   TILES_BEGIN(), TILES_END()      around the product of a block, on each thread
//   TILE_ZERO(t)
//   TILE_LOAD(t, from, stride), TILE_STORE(t, to, stride)
//   TILE_DOT_INT8(to, left, right), TILE_DOT_BFLOAT16(to, left, right)
// and FINISH, which takes rows to their target, and WEIGHTS and ATTENTION, which make names of tables. Two by two tiles of sums (0 to 3) meet two of rows (4 and 5) and two of weights.

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

// All slices of rows that have no more are met at once, so that their sums stay in registers. Of more the sums go to the second-level cache and
// back: all rows and panels meet so many slices, or half as many of two pieces, before the next, which stay in that cache with the sums.
#define SLICES_AT_ONCE 24
// Panels that a block of rows meets before the next block: its way from memory is of less account then.
#define PANELS_AT_ONCE 24

// What is needed next, asked for between products of tiles, so that memory always has something to do, and never much at once: lines
// of the weights and of the two groups of rows that follow, which go to the second-level cache, and lines of the results, which a
// product in tiles reaches long before they are in any cache.
typedef struct {
  const char *weights, *left;
  size_t weight_lines, left_lines, distance;
  float *row;
  size_t stride, rows, rows_at_once, columns;
} tiles_ahead;

INLINE void ask_ahead(tiles_ahead *ahead) {
  for (size_t line = 0; line < ahead->weight_lines; line++, ahead->weights += 64)
    __builtin_prefetch(ahead->weights, 0, 2);
  for (size_t line = 0; line < ahead->left_lines; line++, ahead->left += 64) {
    __builtin_prefetch(ahead->left, 0, 2);
    __builtin_prefetch(ahead->left + ahead->distance, 0, 2);
  }
  for (size_t row = 0; row < ahead->rows_at_once && ahead->rows > 0; row++, ahead->rows--) {
    for (size_t column = 0; column < ahead->columns; column += 16)
      __builtin_prefetch(ahead->row + column, 1, 2);
    ahead->row += ahead->stride;
  }
}

// Sums that are finished while the next ones are made, a row or two with each slice: the units that finish them have nothing else to do.
typedef struct {
  float *sums;
  size_t rows, rows_at_once;
  // For int8, those of the rows and of the columns.
  const float *scales, *column_scales;
  weighbridge_target target;
} finished_tiles;

INLINE void finish_some(enum tile_numbers numbers, finished_tiles *done, size_t most) {
  const size_t rows = done->rows < most ? done->rows : most;
  if (rows == 0) return;
  if (numbers == INT8) {
    dequantise(done->sums, rows, done->scales, done->column_scales);
    done->scales += rows;
  }
  FINISH(done->sums, PANEL, rows, &done->target);
  done->sums += rows * PANEL;
  done->rows -= rows;
  target_from(&done->target, rows, &done->target);
}

// Some slices of one group, or of two that are `distance` bytes apart. `numbers` and `both` are constants where this is inlined.
INLINE void sum_tiles(
    enum tile_numbers numbers, int both, const char *rows, size_t distance, const char *weights,
    size_t slices, float *sums, int accumulates, tiles_ahead *ahead, finished_tiles *done) {
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
    ask_ahead(ahead);
    LOAD_ROWS(0)
    if (numbers == PIECES) {
      // (a + b)(c + d) without b d, which is less than the rounding of the others; in this order each is loaded once.
      LOAD_WEIGHTS(1)
      DOTS()
    }
    LOAD_WEIGHTS(0)
    DOTS()
    if (numbers == PIECES) {
      LOAD_ROWS(1)
      DOTS()
    }
    finish_some(numbers, done, done->rows_at_once);
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

// The lines of each share, if some lines are shared out.
INLINE size_t share_of(size_t lines, size_t shares) { return (lines + shares - 1) / shares; }

// Some slices of all rows with one panel after the other, and then the next slices. A group that is alone takes its weights from memory,
// and all at once.
INLINE void multiply_tiles(
    enum tile_numbers numbers, const void *block, size_t rows, size_t depth, const char *panels,
    size_t panel_count, size_t panel_size, float *sums, const weighbridge_target *target) {
  const size_t width = numbers == INT8 ? 1 : 2, pieces = numbers == PIECES ? 2 : 1;
  const size_t groups = groups_of(rows), pairs = (groups + 1) / 2;
  const size_t slices = slices_of(depth, width);
  const size_t step = groups < 2 || slices <= SLICES_AT_ONCE ? slices : SLICES_AT_ONCE / pieces;
  const float *scales = block;
  const char *left = (const char *)block + (numbers == INT8 ? groups * GROUP * sizeof(float) : 0);
  const size_t distance = slices * TILE * pieces;
  // Sums that are done with these slices need no place of their own, but for those that are being finished.
  const size_t place = (groups < 2 ? 1 : 2) * GROUP * PANEL;
  finished_tiles done = {.rows = 0};
  size_t slice = 0, pair = 0;
  do {
    const size_t count = slices - slice < step ? slices - slice : step;
    const int is_last = slice + count >= slices;
    for (size_t panel = 0; panel < panel_count; panel++) {
      const char *weights = panels + panel * panel_size + slice * WEIGHT_SLICE * pieces;
      const char *next = panel + 1 < panel_count
                             ? weights + panel_size
                             : panels + (slice + count) * WEIGHT_SLICE * pieces;
      weighbridge_target part;
      panel_target(target, panel, &part);
      float *panel_sums = sums + panel * groups * GROUP * PANEL;
      tiles_ahead ahead = {
          .weights = groups < 2 ? weights + 8 * WEIGHT_SLICE * pieces : next,
          .weight_lines = share_of(WEIGHT_SLICE * pieces / 64, pairs),
          .left_lines = is_last ? 0 : share_of(TILE * pieces / 64, panel_count),
          .distance = distance,
          .stride = part.stride,
          .columns = is_last ? part.columns : 0,
      };
      for (size_t group = 0; group < groups; group += 2) {
        const size_t row = group * GROUP, rest = rows - row;
        const size_t finished = rest < 2 * GROUP ? rest : 2 * GROUP;
        const char *from = left + group * distance + slice * TILE * pieces;
        float *to = slices > step ? panel_sums + row * PANEL : sums + pair++ % 2 * place;
        const int both = group + 1 < groups;
        ahead.left = from + count * (TILE * pieces + panel * ahead.left_lines * 64);
        if (!both) ahead.distance = 0;
        ahead.row = part.destination + row * part.stride;
        ahead.rows = finished;
        ahead.rows_at_once = count ? share_of(finished, count) : 0;
        done.rows_at_once = count ? share_of(done.rows, count) : 0;
        if (both)
          sum_tiles(numbers, 1, from, distance, weights, count, to, slice > 0, &ahead, &done);
        else sum_tiles(numbers, 0, from, distance, weights, count, to, slice > 0, &ahead, &done);
        // Of a product without terms there was no slice to do it beside.
        finish_some(numbers, &done, done.rows);
        if (!is_last) continue;
        done.sums = to;
        done.rows = finished;
        done.scales = scales + row;
        done.column_scales =
            (const float *)(panels + panel * panel_size + slices * WEIGHT_SLICE);
        target_from(&part, row, &done.target);
      }
    }
    slice += count;
  } while (slice < slices);
  finish_some(numbers, &done, done.rows);
}

// As weighbridge_piece_packing, with the vectors of this file where a row's columns, or a column's rows, follow each other: what is learned from
// is packed so at every step, weights and inputs, transposed or not.
static void pack_weights_pieces(
    const void *source, size_t row_stride, size_t column_stride, void *panel, size_t row,
    size_t rows, size_t column, size_t columns) {
  if (column_stride == 1 && columns % LANES == 0)
    pack_terms_halves(source, row_stride, (char *)panel + column * 4, row, rows, columns, 2);
  else if (row_stride == 1 && row % (SLICE / 2) == 0 && rows % (SLICE / 2) == 0)
    pack_columns_halves(
        source, column_stride, rows, (char *)panel + row * 4 * PANEL + column * 4, columns, 2);
  else
    weighbridge_piece_packing.pack(
        source, row_stride, column_stride, panel, row, rows, column, columns);
}

static size_t size_pieces(size_t depth) { return weighbridge_piece_packing.panel_size(depth); }

static void unpack_pieces(
    const void *panel, size_t row, size_t rows, size_t column, void *destination) {
  weighbridge_piece_packing.unpack(panel, row, rows, column, destination);
}

static const weighbridge_packing piece_packing = {
    4, PANEL, 0, size_pieces, pack_weights_pieces, unpack_pieces};

#define NUMBERS(NAME, CODE, WIDTH, PIECE_COUNT, PACKING)                                      \
  static void multiply_##NAME(                                                                \
      const void *block, size_t rows, size_t depth, const void *weights, size_t panels,       \
      float *sums, const weighbridge_target *target) {                                        \
    TILES_BEGIN();                                                                            \
    multiply_tiles(                                                                           \
        CODE, block, rows, depth, weights, panels, PACKING.panel_size(depth), sums, target);  \
    TILES_END();                                                                              \
  }                                                                                           \
  static size_t block_rows_##NAME(size_t depth) {                                             \
    return sliced_block_rows(depth, WIDTH, PIECE_COUNT, SLICES_AT_ONCE);                      \
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
      &PACKING, PANELS_AT_ONCE, block_rows_##NAME, block_size_##NAME, pack_##NAME,            \
      multiply_##NAME, widen_##NAME##_rows};
NUMBERS(int8, INT8, 1, 1, weighbridge_int8_packing)
NUMBERS(bfloat16, BFLOAT16, 2, 1, weighbridge_pair_packing)
NUMBERS(pieces, PIECES, 2, 2, piece_packing)
#undef NUMBERS

#define ATTENTION_OF(NAME, PIECE_COUNT)                                                       \
  static void pack_attention_##NAME(                                                          \
      const float *source, size_t row_stride, size_t column_stride, void *panel, size_t row,  \
      size_t rows, size_t column, size_t columns) {                                           \
    pack_weights_halves(                                                                      \
        source, row_stride, column_stride, panel, row, rows, column, columns, PIECE_COUNT);   \
  }                                                                                           \
  const weighbridge_attention ATTENTION(NAME) = {&WEIGHTS(NAME), pack_attention_##NAME, 0};
ATTENTION_OF(bfloat16, 1)
ATTENTION_OF(pieces, 2)
#undef ATTENTION_OF
