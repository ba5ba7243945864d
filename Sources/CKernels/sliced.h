// Products of int8, or bfloat16, in vectors, as rows.h lays them out; included after it by a file whose instructions multiply and add
// four bytes in each lane, or two bfloat16. It brings
//   ROWS_FLIP    0x80 if the bytes of the rows are taken without a sign
//   TERM_WIDTH   bytes of a term
//   dot          a sum of integers or numbers in each lane, with four bytes of rows and weights added
// Sums of integers are exact: every set of kernels gives the same for int8.

// Rows of a group whose sums fit the registers.
#define SLICED_ROWS (LANES == 16 ? 8 : 4)

INLINE integers load_integers(const void *from) {
  integers result;
  memcpy(&result, from, sizeof result);
  return result;
}

// Some slices of some rows of a group. `rows` and `lowers` are constants wherever this is inlined; the latter says whether what the bytes
// of the rows have been raised by is to be taken off.
INLINE void sliced_tile(
    const char *left, const char *right, size_t slices, float *sums, size_t rows,
    const integers *start, int accumulates, int lowers) {
  integers totals[SLICED_ROWS][2], raised_by[2] = {0};
  UNROLLED for (size_t row = 0; row < rows; row++)
    UNROLLED for (size_t part = 0; part < 2; part++)
      totals[row][part] =
          accumulates
              ? load_integers(sums + row * WEIGHBRIDGE_PANEL_COLUMNS + part * LANES)
              : start[part];
  for (size_t slice = 0; slice < slices; slice++)
    for (size_t quad = 0; quad < SLICE / 4; quad++) {
      const char *at = right + slice * WEIGHT_SLICE + quad * 128;
      __builtin_prefetch(at + 8192, 0, 2);
      integers weights[2];
      UNROLLED for (size_t part = 0; part < 2; part++)
        weights[part] = load_integers(at + part * LANES * 4);
      if (lowers)
        UNROLLED for (size_t part = 0; part < 2; part++)
          raised_by[part] = dot(raised_by[part], (integers)(int32_t)0x80808080, weights[part]);
      UNROLLED for (size_t row = 0; row < rows; row++) {
        int32_t four;
        memcpy(&four, left + slice * TILE + row * SLICE + quad * 4, sizeof four);
        const integers terms = (integers)(four);
        UNROLLED for (size_t part = 0; part < 2; part++)
          totals[row][part] = dot(totals[row][part], terms, weights[part]);
      }
    }
  UNROLLED for (size_t row = 0; row < rows; row++)
    UNROLLED for (size_t part = 0; part < 2; part++) {
      const integers total = lowers ? totals[row][part] - raised_by[part] : totals[row][part];
      store(sums + row * WEIGHBRIDGE_PANEL_COLUMNS + part * LANES, (vector)total);
    }
}

static void multiply_panel(
    const void *block, size_t rows, size_t depth, const void *panel, float *sums,
    const weighbridge_target *target) {
  const size_t slices = slices_of(depth, TERM_WIDTH), step = slices_at_once();
  const char *left =
      (const char *)block + (TERM_WIDTH == 1 ? groups_of(rows) * GROUP * sizeof(float) : 0);
  // What the bytes of the rows have been raised by, 128 times the sum of each column, is taken off at the start, once for all rows; of a
  // few rows on the way, as their weights come from memory and are not to be read twice.
  integers starts[WEIGHBRIDGE_PANEL_COLUMNS / LANES] = {0};
  const int lowers = ROWS_FLIP && rows <= SLICED_ROWS;
  if (ROWS_FLIP && !lowers) {
    for (size_t i = 0; i < slices * 16; i++)
      for (size_t part = 0; part < WEIGHBRIDGE_PANEL_COLUMNS / LANES; part++)
        starts[part] = dot(
            starts[part], (integers)(int32_t)0x80808080,
            load_integers((const char *)panel + i * 128 + part * LANES * 4));
    for (size_t part = 0; part < WEIGHBRIDGE_PANEL_COLUMNS / LANES; part++)
      starts[part] = -starts[part];
  }
  size_t slice = 0;
  do {
    const size_t count = slices - slice < step ? slices - slice : step;
    for (size_t row = 0; row < rows; row += SLICED_ROWS) {
      const char *from = left + (row / GROUP * slices + slice) * TILE + row % GROUP * SLICE;
      const size_t finished = rows - row < SLICED_ROWS ? rows - row : SLICED_ROWS;
      if (slice + count == slices) prefetch_target(target, row, finished);
      // Rows beyond the last are zeros, up to the end of their group.
      for (size_t column = 0; column < WEIGHBRIDGE_PANEL_COLUMNS; column += 2 * LANES) {
        const char *right = (const char *)panel + slice * WEIGHT_SLICE + column * 4;
        float *to = sums + row * WEIGHBRIDGE_PANEL_COLUMNS + column;
        const integers *start = starts + column / LANES;
        switch (rows - row) {
#define ROWS(N)                                                                               \
  if (lowers) sliced_tile(from, right, count, to, N, start, slice > 0, 1);                    \
  else sliced_tile(from, right, count, to, N, start, slice > 0, 0);                           \
  break;
          case 1: ROWS(1)
          case 2: ROWS(2)
          case 3:
          case 4: ROWS(4)
          default: ROWS(SLICED_ROWS)
#undef ROWS
        }
      }
      if (slice + count < slices) continue;
      float *done = sums + row * WEIGHBRIDGE_PANEL_COLUMNS;
      if (TERM_WIDTH == 1)
        dequantise(
            done, finished, (const float *)block + row,
            (const float *)((const char *)panel + slices * WEIGHT_SLICE));
      weighbridge_target moved;
      finish(done, WEIGHBRIDGE_PANEL_COLUMNS, finished, target_from(target, row, &moved));
    }
    slice += count;
  } while (slice < slices);
}

static void multiply_sliced(
    const void *block, size_t rows, size_t depth, const void *weights, size_t panels, float *sums,
    const weighbridge_target *target) {
  const size_t scales = TERM_WIDTH == 1 ? WEIGHBRIDGE_PANEL_COLUMNS * sizeof(float) : 0;
  const size_t distance = slices_of(depth, TERM_WIDTH) * WEIGHT_SLICE + scales;
  for (size_t panel = 0; panel < panels; panel++) {
    weighbridge_target part;
    panel_target(target, panel, &part);
    multiply_panel(block, rows, depth, (const char *)weights + panel * distance, sums, &part);
  }
}

static size_t sliced_rows(size_t depth) { return sliced_block_rows(depth, TERM_WIDTH, 1, SIZE_MAX); }

static size_t sliced_size(size_t rows, size_t depth) {
  return sliced_block_size(rows, depth, TERM_WIDTH, 1);
}

static void pack_sliced_rows(
    const float *source, size_t stride, size_t row, size_t count, size_t rows, size_t depth,
    void *block) {
  if (TERM_WIDTH == 1)
    pack_rows_int8(source, stride, row, count, rows, depth, block, ROWS_FLIP);
  else pack_rows_halves(source, stride, row, count, depth, block, 1);
}
