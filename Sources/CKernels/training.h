// What a step of training computes row by row: derivatives of operators, dropout, and what optimizers make of gradients. Written once, in
// vectors of LANES floats, after vector_math.h. Every sum runs over one row in an order that its length fixes.

// The numbers from `at` on: LANES of them, or the `rest` that there are, zeros behind them.
INLINE vector load_at(const float *from, size_t at, size_t count) {
  return at + LANES <= count ? load(from + at) : load_part(from + at, count - at);
}

INLINE void store_at(float *to, size_t at, size_t count, vector value) {
  if (at + LANES <= count) store(to + at, value);
  else store_part(to + at, value, count - at);
}

// MARK: Layer norm

// With x̂ = (x − mean) · r, r = 1 / √(variance + epsilon) and h = gradient ⊙ weight:
//   of x       r · (h − mean(h) − x̂ · mean(h ⊙ x̂))
//   of weight  gradient ⊙ x̂
//   of bias    gradient
static void layer_norm_gradient(
    const float *row, const float *gradient, float *destination, size_t count,
    const float *weight, float epsilon, float *weight_sums, float *bias_sums) {
  vector sums = splat(0), squares = splat(0);
  for (size_t i = 0; i < count; i += LANES) sums += load_at(row, i, count);
  const float mean = sum_of_lanes(sums) / (float)count;
  const size_t whole = count - count % LANES;
  for (size_t i = 0; i < whole; i += LANES) {
    const vector difference = load(row + i) - mean;
    squares = difference * difference + squares;
  }
  for (size_t i = whole; i < count; i++) squares[i - whole] += (row[i] - mean) * (row[i] - mean);
  const float factor =
      (float)(1.0 / sqrt((double)sum_of_lanes(squares) / (double)count + (double)epsilon));

  vector first = splat(0), second = splat(0);
  for (size_t i = 0; i < count; i += LANES) {
    const vector g = load_at(gradient, i, count);
    const vector normed = (load_at(row, i, count) - mean) * factor;
    const vector h = g * load_at(weight, i, count);
    // Lanes beyond the row are zeros in h.
    first += h;
    second = h * normed + second;
    if (weight_sums) store_at(weight_sums, i, count, g * normed + load_at(weight_sums, i, count));
    if (bias_sums) store_at(bias_sums, i, count, g + load_at(bias_sums, i, count));
  }
  if (!destination) return;
  const float mean_of_first = sum_of_lanes(first) / (float)count;
  const float mean_of_second = sum_of_lanes(second) / (float)count;
  for (size_t i = 0; i < count; i += LANES) {
    const vector normed = (load_at(row, i, count) - mean) * factor;
    const vector h = load_at(gradient, i, count) * load_at(weight, i, count);
    store_at(destination, i, count, (h - mean_of_first - normed * mean_of_second) * factor);
  }
}

// MARK: Softmax

INLINE float product_sum(const float *left, const float *right, size_t count) {
  vector sums = splat(0);
  for (size_t i = 0; i < count; i += LANES)
    sums = load_at(left, i, count) * load_at(right, i, count) + sums;
  return sum_of_lanes(sums);
}

// y ⊙ (gradient − gradient · y) · factor, with the result y of the way forward.
static void softmax_gradient(
    const float *result, const float *gradient, float *destination, size_t count, float factor) {
  const float sum = product_sum(result, gradient, count);
  for (size_t i = 0; i < count; i += LANES)
    store_at(
        destination, i, count,
        load_at(result, i, count) * (load_at(gradient, i, count) - sum) * factor);
}

// gradient − exp(y) · Σ gradient, with the result y of the way forward.
static void log_softmax_gradient(
    const float *result, const float *gradient, float *destination, size_t count) {
  vector sums = splat(0);
  for (size_t i = 0; i < count; i += LANES) sums += load_at(gradient, i, count);
  const float sum = sum_of_lanes(sums);
  for (size_t i = 0; i < count; i += LANES)
    store_at(
        destination, i, count,
        load_at(gradient, i, count) - vector_exp(load_at(result, i, count)) * sum);
}

static void multiply_rows(
    const float *left, const float *right, float *destination, size_t count) {
  for (size_t i = 0; i < count; i += LANES)
    store_at(destination, i, count, load_at(left, i, count) * load_at(right, i, count));
}

// MARK: Dropout

typedef uint32_t counters __attribute__((ext_vector_type(LANES)));
typedef uint64_t wide_counters __attribute__((ext_vector_type(LANES)));

// Philox4x32-10 (Salmon and others, Parallel random numbers: as easy as 1, 2, 3, 2011): four random words of a counter of four words
// and a key of two.
INLINE void philox(counters c[4], uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; round++) {
    const wide_counters first = __builtin_convertvector(c[0], wide_counters) * 0xD2511F53u;
    const wide_counters second = __builtin_convertvector(c[2], wide_counters) * 0xCD9E8D57u;
    const counters low0 = __builtin_convertvector(first, counters);
    const counters low1 = __builtin_convertvector(second, counters);
    c[0] = __builtin_convertvector(second >> 32, counters) ^ c[1] ^ key0;
    c[2] = __builtin_convertvector(first >> 32, counters) ^ c[3] ^ key1;
    c[1] = low1;
    c[3] = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

// The words of 64 columns, of which column 64 b + 16 j + l has word j of the counter (16 b + l, row, stream, step), so that each counter is
// used up and all instruction sets give the same.
INLINE void column_words(const weighbridge_dropout *dropout, uint32_t row, uint32_t block, uint32_t *words) {
  for (uint32_t lane = 0; lane < 16; lane += LANES) {
    counters c[4];
    for (uint32_t i = 0; i < LANES; i++) c[0][i] = 16 * block + lane + i;
    c[1] = (counters)(row);
    c[2] = (counters)(dropout->stream);
    c[3] = (counters)(dropout->step);
    philox(c, (uint32_t)dropout->seed, (uint32_t)(dropout->seed >> 32));
    for (int word = 0; word < 4; word++) memcpy(words + 16 * word + lane, &c[word], sizeof c[word]);
  }
}

// Where a word is below the threshold the number becomes 0, elsewhere it is multiplied by the factor.
static void drop(
    const float *row, float *destination, size_t count, uint64_t number,
    const weighbridge_dropout *dropout) {
  uint32_t words[64];
  for (size_t block = 0; 64 * block < count; block++) {
    column_words(dropout, (uint32_t)number, (uint32_t)block, words);
    const size_t end = count - 64 * block < 64 ? count : 64 * block + 64;
    for (size_t i = 64 * block; i < end; i += LANES) {
      counters word;
      memcpy(&word, words + i % 64, sizeof word);
      const integers kept = (integers)(word >= dropout->threshold);
      store_at(
          destination, i, count,
          choose(kept, load_at(row, i, count) * dropout->factor, splat(0)));
    }
  }
}

// MARK: Optimizers

// torch.optim.SGD (2.13, _single_tensor_sgd). Without momentum there is no buffer.
static void sgd(
    float *values, const float *gradient, float *buffer, size_t count,
    const weighbridge_sgd *settings) {
  for (size_t i = 0; i < count; i += LANES) {
    const vector value = load_at(values, i, count);
    vector g = load_at(gradient, i, count) * settings->gradient_factor;
    if (settings->weight_decay != 0) g = value * settings->weight_decay + g;
    if (buffer) {
      vector sum = g;
      if (!settings->is_first)
        sum = load_at(buffer, i, count) * settings->momentum + g * settings->gradient_part;
      store_at(buffer, i, count, sum);
      g = settings->is_nesterov ? sum * settings->momentum + g : sum;
    }
    store_at(values, i, count, g * -settings->learning_rate + value);
  }
}

INLINE vector square_root(vector value) { return __builtin_elementwise_sqrt(value); }

// torch.optim.Adam and AdamW (2.13, _single_tensor_adam).
static void adam(
    float *values, const float *gradient, float *means, float *squares, size_t count,
    const weighbridge_adam *settings) {
  for (size_t i = 0; i < count; i += LANES) {
    vector value = load_at(values, i, count);
    vector g = load_at(gradient, i, count) * settings->gradient_factor;
    if (settings->weight_decay != 0) g = value * settings->weight_decay + g;
    value = value * settings->decay_factor;
    const vector before = load_at(means, i, count);
    const vector mean = (g - before) * settings->mean_part + before;
    const vector square =
        load_at(squares, i, count) * settings->square_kept + g * g * settings->square_part;
    store_at(means, i, count, mean);
    store_at(squares, i, count, square);
    const vector divisor = square_root(square) / settings->square_correction + settings->epsilon;
    store_at(values, i, count, value - mean / divisor * settings->step_size);
  }
}

// The sum of the squares, in float64: of 16 lanes whatever the vectors, so that all instruction sets add up in one order.
static double sum_of_squares(const float *row, size_t count) {
  double lanes[16] = {0};
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int lane = 0; lane < 16; lane++) lanes[lane] += (double)row[i + lane] * row[i + lane];
  for (; i < count; i++) lanes[i % 16] += (double)row[i] * row[i];
  for (int width = 8; width > 0; width /= 2)
    for (int lane = 0; lane < width; lane++) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

static const weighbridge_training training = {
    .layer_norm_gradient = layer_norm_gradient,
    .softmax_gradient = softmax_gradient,
    .log_softmax_gradient = log_softmax_gradient,
    .multiply = multiply_rows,
    .drop = drop,
    .sgd = sgd,
    .adam = adam,
    .sum_of_squares = sum_of_squares,
};
