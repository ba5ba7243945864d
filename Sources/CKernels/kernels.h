// All loops of one instruction set. The file that includes this has defined
//   LANES          floats in a vector
//   TILE_ROWS      rows and
//   TILE_VECTORS   vectors of columns whose sums fit the registers
//   TABLE          the name of the table
//   TABLE_NAME     what people call it
// and made its instruction set the target of all functions that follow.

#include "CKernels.h"
#include "vector_math.h"
#include "derivatives.h"

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

// MARK: Bias, activation, residual

// Inlined once for each activation.
INLINE void finish_with(
    vector (*activation)(vector), float *values, size_t stride, size_t rows, size_t columns,
    const float *bias, const float *residual, size_t residual_stride) {
  for (size_t row = 0; row < rows; row++) {
    float *at = values + row * stride;
    const float *term = residual ? residual + row * residual_stride : NULL;
    size_t column = 0;
    for (; column + LANES <= columns; column += LANES) {
      vector x = load(at + column);
      if (bias) x += load(bias + column);
      x = activation(x);
      if (term) x += load(term + column);
      store(at + column, x);
    }
    size_t rest = columns - column;
    if (rest == 0) continue;
    vector x = load_part(at + column, rest);
    if (bias) x += load_part(bias + column, rest);
    x = activation(x);
    if (term) x += load_part(term + column, rest);
    store_part(at + column, x, rest);
  }
}

static void finish(
    float *values, size_t stride, size_t rows, size_t columns, const float *bias,
    const float *residual, size_t residual_stride, int activation) {
#define CASE(NAME, FUNCTION)                                                                  \
  case WEIGHBRIDGE_##NAME:                                                                    \
    finish_with(FUNCTION, values, stride, rows, columns, bias, residual, residual_stride);    \
    break;
  switch (activation) {
    CASE(IDENTITY, identity_activation)
    CASE(GELU, gelu_activation)
    CASE(GELU_TANH, gelu_tanh_activation)
    CASE(GELU_QUICK, gelu_quick_activation)
    CASE(GELU_CLIPPED, gelu_clipped_activation)
    CASE(RELU, relu_activation)
    CASE(RELU_SQUARED, relu_squared_activation)
    CASE(RELU6, relu6_activation)
    CASE(LEAKY_RELU, leaky_relu_activation)
    CASE(SILU, silu_activation)
    CASE(HARD_SWISH, hard_swish_activation)
    CASE(SIGMOID, vector_sigmoid)
    CASE(TANH, vector_tanh)
    CASE(MISH, mish_activation)
    CASE(LAPLACE, laplace_activation)
    CASE(SQRT_SOFTPLUS, sqrt_softplus_activation)
    CASE(EXP, vector_exp)
    CASE(ERF, vector_erf)
    default: break;
  }
#undef CASE
}

// Inlined once for each activation.
INLINE void gradient_with(
    vector (*derivative)(vector), const float *gradient, const float *argument,
    float *destination, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES)
    store(destination + i, load(gradient + i) * derivative(load(argument + i)));
  if (i == count) return;
  const size_t rest = count - i;
  store_part(
      destination + i, load_part(gradient + i, rest) * derivative(load_part(argument + i, rest)),
      rest);
}

static void activation_gradient(
    const float *gradient, const float *argument, float *destination, size_t count,
    int activation) {
#define CASE(NAME, FUNCTION)                                                                  \
  case WEIGHBRIDGE_##NAME: gradient_with(FUNCTION, gradient, argument, destination, count); break;
  switch (activation) {
    CASE(IDENTITY, identity_derivative)
    CASE(GELU, gelu_derivative)
    CASE(GELU_TANH, gelu_tanh_derivative)
    CASE(GELU_QUICK, gelu_quick_derivative)
    CASE(GELU_CLIPPED, gelu_clipped_derivative)
    CASE(RELU, relu_derivative)
    CASE(RELU_SQUARED, relu_squared_derivative)
    CASE(RELU6, relu6_derivative)
    CASE(LEAKY_RELU, leaky_relu_derivative)
    CASE(SILU, silu_derivative)
    CASE(HARD_SWISH, hard_swish_derivative)
    CASE(SIGMOID, sigmoid_derivative)
    CASE(TANH, tanh_derivative)
    CASE(MISH, mish_derivative)
    CASE(LAPLACE, laplace_derivative)
    CASE(SQRT_SOFTPLUS, sqrt_softplus_derivative)
    default: break;
  }
#undef CASE
}

// MARK: Layer norm

// Two passes over a row that lies in the first-level cache: the mean, and then the squares of the differences from it,
// which loses no digits however large the mean is.
static void layer_norm(
    const float *row, float *destination, size_t count, const float *weight, const float *bias,
    float epsilon) {
  vector sums = splat(0), squares = splat(0);
  size_t whole = count - count % LANES, rest = count % LANES;
  for (size_t i = 0; i < whole; i += LANES) sums += load(row + i);
  if (rest) sums += load_part(row + whole, rest);
  const float mean = sum_of_lanes(sums) / (float)count;
  for (size_t i = 0; i < whole; i += LANES) {
    vector difference = load(row + i) - mean;
    squares = difference * difference + squares;
  }
  for (size_t i = whole; i < count; i++) squares[i - whole] += (row[i] - mean) * (row[i] - mean);
  // In float64, for its rounding is common to the whole row, and does not average out in the sums that follow.
  const float factor =
      (float)(1.0 / sqrt((double)sum_of_lanes(squares) / (double)count + (double)epsilon));
  for (size_t i = 0; i < whole; i += LANES)
    store(destination + i, (load(row + i) - mean) * factor * load(weight + i) + load(bias + i));
  if (rest) {
    vector value = (load_part(row + whole, rest) - mean) * factor;
    value = value * load_part(weight + whole, rest) + load_part(bias + whole, rest);
    store_part(destination + whole, value, rest);
  }
}

// MARK: Softmax

// The larger of both lane by lane. A NaN in `value` is taken, and stays.
INLINE vector larger(vector largest, vector value) {
  return choose((value <= largest) | (largest != largest), largest, value);
}

// exp(x) of one number, with the same bits as the vectors give it.
INLINE float exponential(float x) { return vector_exp(splat(x))[0]; }

INLINE float largest_of(const float *row, size_t count, float start) {
  vector largest = splat(start);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) largest = larger(largest, load(row + i));
  for (size_t lane = 0; i + lane < count; lane++)
    largest[lane] = row[i + lane] <= largest[lane] ? largest[lane] : row[i + lane];
  return largest_lane(largest);
}

// row = exp(row - maximum); the sum of the results.
INLINE float exponentials(const float *row, float *destination, size_t count, float maximum) {
  vector sums = splat(0);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vector value = vector_exp(load(row + i) - maximum);
    store(destination + i, value);
    sums += value;
  }
  size_t rest = count - i;
  if (rest) {
    store_part(destination + i, vector_exp(load_part(row + i, rest) - maximum), rest);
    sums += load_part(destination + i, rest);
  }
  return sum_of_lanes(sums);
}

static void scale(const float *row, float factor, float *destination, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store(destination + i, load(row + i) * factor);
  if (i < count) store_part(destination + i, load_part(row + i, count - i) * factor, count - i);
}

static void softmax(const float *row, float *destination, size_t count, int logarithm) {
  const float maximum = largest_of(row, count, -INFINITY);
  if (!logarithm) {
    const float sum = exponentials(row, destination, count, maximum);
    scale(destination, 1.0f / sum, destination, count);
    return;
  }
  vector sums = splat(0);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) sums += vector_exp(load(row + i) - maximum);
  for (size_t lane = 0; i + lane < count; lane++)
    sums[lane] += exponential(row[i + lane] - maximum);
  const float logarithm_of_sum = logf(sum_of_lanes(sums));
  for (i = 0; i + LANES <= count; i += LANES)
    store(destination + i, load(row + i) - maximum - logarithm_of_sum);
  for (; i < count; i++) destination[i] = row[i] - maximum - logarithm_of_sum;
}

static float attention_row(
    float *scores, size_t count, size_t permitted, float factor, const float *key_term,
    const float *row_term, float *maximum, float *sum) {
  const vector factors = splat(factor);
  size_t i = 0;
  for (; i + LANES <= permitted; i += LANES) {
    vector value = load(scores + i) * factors;
    if (key_term) value += load(key_term + i);
    if (row_term) value += load(row_term + i);
    store(scores + i, value);
  }
  size_t rest = permitted - i;
  if (rest) {
    vector value = load_part(scores + i, rest) * factors;
    if (key_term) value += load_part(key_term + i, rest);
    if (row_term) value += load_part(row_term + i, rest);
    store_part(scores + i, value, rest);
  }
  memset(scores + permitted, 0, (count - permitted) * sizeof(float));

  const float before = *maximum;
  const float largest = largest_of(scores, permitted, before);
  if (largest == -INFINITY) {  // nothing permitted yet, and exp(-∞ + ∞) is no number
    memset(scores, 0, permitted * sizeof(float));
    return 1.0f;
  }
  const float change = before == -INFINITY ? 0.0f : exponential(before - largest);
  *sum = *sum * change + exponentials(scores, scores, permitted, largest);
  *maximum = largest;
  return change;
}

// MARK: Sums

static void add(const float *left, const float *right, float *destination, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store(destination + i, load(left + i) + load(right + i));
  if (i < count) {
    size_t rest = count - i;
    store_part(destination + i, load_part(left + i, rest) + load_part(right + i, rest), rest);
  }
}

// Rows in order, in chains as a product has them, so that the sum is what a product with ones would give.
static void column_sums(
    const float *values, size_t stride, size_t rows, size_t columns, float *destination) {
  for (size_t column = 0; column < columns; column += LANES) {
    const size_t rest = columns - column;
    vector total = splat(0);
    for (size_t row = 0; row < rows;) {
      const size_t chain =
          row < WEIGHBRIDGE_CHAIN ? WEIGHBRIDGE_SHORT_CHAIN : WEIGHBRIDGE_CHAIN;
      const size_t end = rows - row < chain ? rows : row + chain;
      vector sum = splat(0);
      for (; row < end; row++) {
        const float *at = values + row * stride + column;
        sum += rest < LANES ? load_part(at, rest) : load(at);
      }
      total += sum;
    }
    if (rest < LANES) store_part(destination + column, total, rest);
    else store(destination + column, total);
  }
}

const weighbridge_kernels TABLE = {
    .name = TABLE_NAME,
    .tile_rows = TILE_ROWS,
    .weights = weights,
    .product = product_float32,
    .finish = finish,
    .activation_gradient = activation_gradient,
    .layer_norm = layer_norm,
    .attention_row = attention_row,
    .softmax = softmax,
    .add = add,
    .scale = scale,
    .column_sums = column_sums,
};
