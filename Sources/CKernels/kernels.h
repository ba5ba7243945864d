// All loops of one instruction set. The file that includes this has defined
//   LANES          floats in a vector
//   TILE_ROWS      rows and
//   TILE_VECTORS   vectors of columns whose sums fit the registers
//   TERMS          terms of a sum that are added before lines are asked for, and the loop comes round, once more
//   TABLE          the name of the table
//   TABLE_NAME     what people call it
// and made its instruction set the target of all functions that follow.

#include "CKernels.h"
#include "vector_math.h"
#include "derivatives.h"
#include "rows.h"

// MARK: Bias, activation, residual

// Inlined once for each activation.
INLINE void finish_with(
    vector (*activation)(vector), const float *values, size_t stride, size_t rows,
    const weighbridge_target *target) {
  const float *bias = target->bias;
  for (size_t row = 0; row < rows; row++) {
    const float *from = values + row * stride;
    float *to = target->destination + row * target->stride;
    const float *term = target->residual ? target->residual + row * target->residual_stride : NULL;
    size_t column = 0;
    for (; column + LANES <= target->columns; column += LANES) {
      vector x = load(from + column);
      if (bias) x += load(bias + column);
      x = activation(x);
      if (term) x += load(term + column);
      store(to + column, x);
    }
    size_t rest = target->columns - column;
    if (rest == 0) continue;
    vector x = load_part(from + column, rest);
    if (bias) x += load_part(bias + column, rest);
    x = activation(x);
    if (term) x += load_part(term + column, rest);
    store_part(to + column, x, rest);
  }
}

static void finish(
    const float *values, size_t stride, size_t rows, const weighbridge_target *target) {
#define CASE(NAME, FUNCTION)                                                                  \
  case WEIGHBRIDGE_##NAME: finish_with(FUNCTION, values, stride, rows, target); break;
  switch (target->activation) {
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
INLINE float exponentials(
    vector (*exponential)(vector), const float *row, float *destination, size_t count,
    float maximum) {
  vector sums = splat(0);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vector value = exponential(load(row + i) - maximum);
    store(destination + i, value);
    sums += value;
  }
  size_t rest = count - i;
  if (rest) {
    store_part(destination + i, exponential(load_part(row + i, rest) - maximum), rest);
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
    const float sum = exponentials(vector_exp, row, destination, count, maximum);
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
  const float before = *maximum;
  // What is no number is not seen here, but its exponential is none.
  vector most = splat(before);
  size_t i = 0;
  for (; i + LANES <= permitted; i += LANES) {
    vector value = load(scores + i) * factors;
    if (key_term) value += load(key_term + i);
    if (row_term) value += load(row_term + i);
    store(scores + i, value);
    most = greater(value, most);
  }
  size_t rest = permitted - i;
  if (rest) {
    vector value = load_part(scores + i, rest) * factors;
    if (key_term) value += load_part(key_term + i, rest);
    if (row_term) value += load_part(row_term + i, rest);
    store_part(scores + i, value, rest);
    for (size_t lane = 0; lane < rest; lane++)
      most[lane] = value[lane] > most[lane] ? value[lane] : most[lane];
  }
  memset(scores + permitted, 0, (count - permitted) * sizeof(float));

  const float largest = largest_lane(most);
  if (largest == -INFINITY) {  // nothing permitted yet, and exp(-∞ + ∞) is no number
    for (i = 0; i < permitted; i++) {
      if (scores[i] != scores[i]) *sum = NAN;
      scores[i] = 0;
    }
    return 1.0f;
  }
  const float change = before == -INFINITY ? 0.0f : exp_of_negative(splat(before - largest))[0];
  *sum = *sum * change + exponentials(exp_of_negative, scores, scores, permitted, largest);
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

// MARK: Products

// WHAT(N) for each number of rows that a tile has.
#if TILE_ROWS > 8
#define EACH_TILE(WHAT)                                                                       \
  WHAT(1) WHAT(2) WHAT(3) WHAT(4) WHAT(5) WHAT(6) WHAT(7)                                     \
  WHAT(8) WHAT(9) WHAT(10) WHAT(11) WHAT(12) WHAT(13) WHAT(14)
#elif TILE_ROWS > 6
#define EACH_TILE(WHAT) WHAT(1) WHAT(2) WHAT(3) WHAT(4) WHAT(5) WHAT(6) WHAT(7) WHAT(8)
#elif TILE_ROWS > 4
#define EACH_TILE(WHAT) WHAT(1) WHAT(2) WHAT(3) WHAT(4) WHAT(5) WHAT(6)
#else
#define EACH_TILE(WHAT) WHAT(1) WHAT(2) WHAT(3) WHAT(4)
#endif

#include "pairs.h"
#include "product.h"
#include "training.h"

const weighbridge_kernels TABLE = {
    .name = TABLE_NAME,
    .weights = weights,
    .attention = &plain_attention,
    .rounded_attention = &plain_attention,
    .plain_attention = &plain_attention,
    .finish = finish,
    .activation_gradient = activation_gradient,
    .layer_norm = layer_norm,
    .attention_row = attention_row,
    .softmax = softmax,
    .add = add,
    .scale = scale,
    .column_sums = column_sums,
    .training = &training,
};
