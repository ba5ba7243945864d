// The engine's inner loops, memory and threads. Each instruction set has its own table of the same loops; which one to take
// is decided at run time. Nothing here checks its arguments: the engine does, before it calls.
#ifndef WEIGHBRIDGE_CKERNELS_H
#define WEIGHBRIDGE_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// Columns of a plain panel, as all present instruction sets read it.
#define WEIGHBRIDGE_PANEL_COLUMNS 32
// Panels that each product may be given at once.
#define WEIGHBRIDGE_MOST_PANELS 8
// Terms of a block of packed rows, and the most that a product takes at once.
#define WEIGHBRIDGE_BLOCK_DEPTH 256
// The longest chain of additions; a sum of more terms is added up from chains of this many. That fixes the order of every
// sum, and halves the rounding of sums of 768 and 3072 terms against chains of 256, for 2 % of the time.
#define WEIGHBRIDGE_CHAIN 64
// The first so many terms of a sum are taken in chains of this many: there may be no others (scores of a head, small models),
// and one chain of 64 has nearly twice the rounding of four of 16. It goes by the place in the sum, not by the number of
// terms, for a row of attention must not depend on how many keys the rows beside it look at.
#define WEIGHBRIDGE_SHORT_CHAIN 16
// The distance between the rows of a packed block: 16 floats more than its depth, or all rows would fall
// on the same few sets of the first-level cache.
#define WEIGHBRIDGE_BLOCK_STRIDE (WEIGHBRIDGE_BLOCK_DEPTH + 16)

// The functions y = f(x) that can be fused to a product.
enum weighbridge_activation {
  WEIGHBRIDGE_IDENTITY,
  WEIGHBRIDGE_GELU,
  WEIGHBRIDGE_GELU_TANH,
  WEIGHBRIDGE_GELU_QUICK,
  WEIGHBRIDGE_GELU_CLIPPED,
  WEIGHBRIDGE_RELU,
  WEIGHBRIDGE_RELU_SQUARED,
  WEIGHBRIDGE_RELU6,
  WEIGHBRIDGE_LEAKY_RELU,
  WEIGHBRIDGE_SILU,
  WEIGHBRIDGE_HARD_SWISH,
  WEIGHBRIDGE_SIGMOID,
  WEIGHBRIDGE_TANH,
  WEIGHBRIDGE_MISH,
  WEIGHBRIDGE_LAPLACE,
  WEIGHBRIDGE_SQRT_SOFTPLUS,
  // Not activations of models, but reachable in the same way, so that tests can measure them alone.
  WEIGHBRIDGE_EXP,
  WEIGHBRIDGE_ERF,
  WEIGHBRIDGE_ACTIVATION_COUNT,
};

// The types that weights are kept in; others become float32 before they come here.
enum weighbridge_element {
  WEIGHBRIDGE_FLOAT32,
  WEIGHBRIDGE_BFLOAT16,  // the upper half of a float32
  WEIGHBRIDGE_FLOAT16,   // IEEE 754 binary16
  WEIGHBRIDGE_INT8,      // steps of a scale of each output
  WEIGHBRIDGE_ELEMENT_COUNT,
};

// Where results go, and what becomes of them on the way: activation(value + bias) + residual.
typedef struct {
  float *_Nonnull destination;
  size_t stride;
  size_t columns;
  // One number for each column.
  const float *_Nullable bias;
  const float *_Nullable residual;
  size_t residual_stride;
  int activation;
} weighbridge_target;

typedef void (*weighbridge_finish)(
    const float *_Nonnull values, size_t stride, size_t rows,
    const weighbridge_target *_Nonnull target);
typedef void (*weighbridge_activation_gradient)(
    const float *_Nonnull gradient, const float *_Nonnull argument, float *_Nonnull destination,
    size_t count, int activation);
typedef void (*weighbridge_layer_norm)(
    const float *_Nonnull row, float *_Nonnull destination, size_t count,
    const float *_Nonnull weight, const float *_Nonnull bias, float epsilon);
typedef float (*weighbridge_attention_row)(
    float *_Nonnull scores, size_t count, size_t permitted, float scale,
    const float *_Nullable key_term, const float *_Nullable row_term, float *_Nonnull maximum,
    float *_Nonnull sum);
typedef void (*weighbridge_softmax)(
    const float *_Nonnull row, float *_Nonnull destination, size_t count, int logarithm);
typedef void (*weighbridge_add)(
    const float *_Nonnull left, const float *_Nonnull right, float *_Nonnull destination,
    size_t count);
typedef void (*weighbridge_scale)(
    const float *_Nonnull row, float factor, float *_Nonnull destination, size_t count);
typedef void (*weighbridge_column_sums)(
    const float *_Nonnull values, size_t stride, size_t rows, size_t columns,
    float *_Nonnull destination);

// How weights of one type lie in a packed matrix: panels of some columns, each with all of its rows, one panel after the other.
// Sets of kernels that read the same share a packing; whether one can read a matrix is whether both have the same packing.
typedef struct {
  // Bytes of a weight, and weights of a row of a panel.
  size_t width;
  size_t panel_columns;
  // Whether the last numbers of a panel are the scales of its columns, as float32.
  int has_scales;

  // Bytes of a panel of so many rows. Those that `pack` does not write are to be zeros.
  size_t (*_Nonnull panel_size)(size_t depth);

  // Packs rows `row` to `row + rows` of the columns `column` to `column + columns` of a panel, and leaves the others alone. The
  // weight of a row and a column, both counted from there, is at row · row_stride + column · column_stride of `source`.
  void (*_Nonnull pack)(
      const void *_Nonnull source, size_t row_stride, size_t column_stride, void *_Nonnull panel,
      size_t row, size_t rows, size_t column, size_t columns);

  // Takes rows `row` to `row + rows` of one column out again, as they were stored.
  void (*_Nonnull unpack)(
      const void *_Nonnull panel, size_t row, size_t rows, size_t column,
      void *_Nonnull destination);
} weighbridge_packing;

// What a set of kernels does with weights of one type. Rows come to a product packed, some at a time: a block.
typedef struct {
  const weighbridge_packing *_Nonnull packing;

  // The most panels that a product is given at once: WEIGHBRIDGE_MOST_PANELS, or more where it is so fast that the block's way from memory
  // counts.
  size_t most_panels;

  // The most rows of a block, so that it stays in the second-level cache while it meets the panels.
  size_t (*_Nonnull block_rows)(size_t depth);

  // Bytes of a block of packed rows; a multiple of 64.
  size_t (*_Nonnull block_size)(size_t rows, size_t depth);

  // Packs rows `row` to `row + count` of a block of `rows`. `row` is a multiple of 16; `source` is the first of them.
  void (*_Nonnull pack_rows)(
      const float *_Nonnull source, size_t stride, size_t row, size_t count, size_t rows,
      size_t depth, void *_Nonnull block);

  // The product of a block of rows with some panels, at most `most_panels`, goes to `target`, whose first row and column are
  // theirs. `sums` is memory for the rows, rounded up to a multiple of 16, of the panels' columns.
  void (*_Nonnull multiply)(
      const void *_Nonnull block, size_t rows, size_t depth, const void *_Nonnull weights,
      size_t panels, float *_Nonnull sums, const weighbridge_target *_Nonnull target);

  // The same numbers as float32. `from` may be the last bytes of `to`: a row can be widened where it is.
  void (*_Nonnull widen)(const void *_Nonnull from, float *_Nonnull to, size_t count);

  // What `pack_rows` does with the transpose of a source: number i of row r is `source[i · stride + r]`. Null where rows are packed
  // otherwise than as they are.
  void (*_Nullable pack_columns)(
      const float *_Nonnull source, size_t stride, size_t row, size_t count, size_t rows,
      size_t depth, void *_Nonnull block);
} weighbridge_weights;

// Which numbers are dropped: a word for each is drawn of a seed, a stream (one operator), a step, a row and a column.
typedef struct {
  uint64_t seed;
  uint32_t stream;
  uint32_t step;
  // Numbers whose word is below it become 0; all others are multiplied by the factor.
  uint32_t threshold;
  float factor;
} weighbridge_dropout;

// What an optimizer does with one gradient, which is multiplied by `gradient_factor` first.
typedef struct {
  float gradient_factor;
  float learning_rate;
  float weight_decay;
  float momentum;
  // 1 − dampening.
  float gradient_part;
  int is_nesterov;
  int is_first;
} weighbridge_sgd;

typedef struct {
  float gradient_factor;
  // Added to the gradient: Adam's. 0 for AdamW.
  float weight_decay;
  // What values are multiplied by before: 1 − learning rate · weight decay for AdamW, else 1.
  float decay_factor;
  float mean_part;
  float square_kept;
  float square_part;
  float square_correction;
  float epsilon;
  float step_size;
} weighbridge_adam;

// The loops of training. Each takes one row.
typedef struct {
  // The derivative of layer_norm goes to `destination`, if there is one; those of weight and bias are added to what is there.
  void (*_Nonnull layer_norm_gradient)(
      const float *_Nonnull row, const float *_Nonnull gradient, float *_Nullable destination,
      size_t count, const float *_Nonnull weight, float epsilon, float *_Nullable weight_sums,
      float *_Nullable bias_sums);

  // From the result of softmax, times a factor; may be in place of the gradient.
  void (*_Nonnull softmax_gradient)(
      const float *_Nonnull result, const float *_Nonnull gradient, float *_Nonnull destination,
      size_t count, float factor);
  void (*_Nonnull log_softmax_gradient)(
      const float *_Nonnull result, const float *_Nonnull gradient, float *_Nonnull destination,
      size_t count);

  void (*_Nonnull multiply)(
      const float *_Nonnull left, const float *_Nonnull right, float *_Nonnull destination,
      size_t count);

  // Dropout of the row of a number; may be in place.
  void (*_Nonnull drop)(
      const float *_Nonnull row, float *_Nonnull destination, size_t count, uint64_t number,
      const weighbridge_dropout *_Nonnull dropout);

  void (*_Nonnull sgd)(
      float *_Nonnull values, const float *_Nonnull gradient, float *_Nullable buffer,
      size_t count, const weighbridge_sgd *_Nonnull settings);
  void (*_Nonnull adam)(
      float *_Nonnull values, const float *_Nonnull gradient, float *_Nonnull means,
      float *_Nonnull squares, size_t count, const weighbridge_adam *_Nonnull settings);

  double (*_Nonnull sum_of_squares)(const float *_Nonnull row, size_t count);
} weighbridge_training;

// The products of attention: queries are rows and keys are weights of the scores, scores are rows and values are weights of the output.
typedef struct {
  const weighbridge_weights *_Nonnull products;

  // Packs float32 numbers as their packing does those of its own type, rounded to what a panel holds. One of the strides is 1. Keys (a
  // `row_stride` of 1) come whole, `row` being 0: what fills up the panel's rows becomes zeros.
  void (*_Nonnull pack)(
      const float *_Nonnull source, size_t row_stride, size_t column_stride, void *_Nonnull panel,
      size_t row, size_t rows, size_t column, size_t columns);

  // Whether rows of WEIGHBRIDGE_BLOCK_DEPTH numbers that are WEIGHBRIDGE_BLOCK_STRIDE apart are a packed block as they are.
  int takes_plain_rows;
} weighbridge_attention;

typedef struct {
  const char *_Nonnull name;
  // One entry for each weighbridge_element.
  const weighbridge_weights *_Nonnull weights;

  // Attention that rounds as the products of float32 or bfloat16 of this table do, that which may round as int8 does, and that which
  // rounds nothing.
  const weighbridge_attention *_Nonnull attention;
  const weighbridge_attention *_Nonnull rounded_attention;
  const weighbridge_attention *_Nonnull plain_attention;

  // Rows of values, `stride` apart, go to the target, which may be where they are.
  weighbridge_finish _Nonnull finish;

  // destination = gradient · the activation's derivative at the argument. Of activations of models only.
  weighbridge_activation_gradient _Nonnull activation_gradient;

  // destination = (row − mean) / √(variance + epsilon) · weight + bias, the variance being that of the whole population.
  weighbridge_layer_norm _Nonnull layer_norm;

  // One block of keys of one row of attention. The first `permitted` scores become t = score · scale + key_term + row_term,
  // and then exp(t − the new maximum); the other scores become 0. Updates the running maximum and sum, and returns the
  // factor by which whatever was computed with the old maximum is to be multiplied.
  weighbridge_attention_row _Nonnull attention_row;

  // destination = exp(row − maximum) / sum, or its logarithm. May be in place.
  weighbridge_softmax _Nonnull softmax;

  weighbridge_add _Nonnull add;
  weighbridge_scale _Nonnull scale;

  // destination = the sum of each column, over the rows in order.
  weighbridge_column_sums _Nonnull column_sums;

  const weighbridge_training *_Nonnull training;
} weighbridge_kernels;

// The tables that this processor can run, fastest first; null from the first index on that has none. The last is portable.
const weighbridge_kernels *_Nullable weighbridge_kernels_at(size_t index);

// What products may round. The first is what the tables above do.
enum weighbridge_precision {
  // Nothing but sums of float32; what rows and weights of int8 are rounded to is the model's choice.
  WEIGHBRIDGE_FULL,
  // Rows and weights of float32 to the sum of two bfloat16 each: 16 bits.
  WEIGHBRIDGE_HIGH,
  // Rows to bfloat16, where the weights are.
  WEIGHBRIDGE_NARROW,
};

// The table whose products may round so much, if this processor gains by it; otherwise null.
const weighbridge_kernels *_Nullable weighbridge_kernels_with(enum weighbridge_precision precision);

// The portable table with products in tiles that are emulated, for tests: float32 in pieces, bfloat16, and int8.
const weighbridge_kernels *_Nonnull weighbridge_emulated_tiles(void);

// MARK: Packing

// Plain panels of each weighbridge_element but int8: a row's 32 columns, then those of the next.
extern const weighbridge_packing weighbridge_plain_packings[];
// Four bytes of a column beside each other (rows.h): of int8, of bfloat16, and of float32 as the sum of two bfloat16.
extern const weighbridge_packing weighbridge_int8_packing;
extern const weighbridge_packing weighbridge_pair_packing;
extern const weighbridge_packing weighbridge_piece_packing;

// Packs `columns` ≤ 32 columns of a matrix of `depth` rows into the first columns of a panel (depth × 32) and leaves the others
// alone. Element (k, column) of the source is at k · row_stride + column · column_stride.
void weighbridge_pack_panel(
    const float *_Nonnull source, size_t row_stride, size_t column_stride, size_t depth,
    size_t columns, float *_Nonnull panel);

// Rounds a row to steps of a scale, -127 to 127 of them, and returns the scale; no number if the row has one that is infinite or none.
float weighbridge_quantize(const float *_Nonnull row, size_t count, int8_t *_Nonnull steps);

// Writes `rows` rows of `columns` floats as `columns` rows of `rows` floats that follow each other.
void weighbridge_transpose(
    const float *_Nonnull source, size_t stride, size_t rows, size_t columns,
    float *_Nonnull destination);

// Copies `rows` rows of `depth` ≤ WEIGHBRIDGE_BLOCK_DEPTH floats into a block with rows WEIGHBRIDGE_BLOCK_STRIDE apart.
void weighbridge_pack_block(
    const float *_Nonnull source, size_t stride, size_t rows, size_t depth, float *_Nonnull block);

// MARK: Memory

// Bytes of the data cache of a level, 1 or 2, that a processor has for itself; what is common where the system does not say.
size_t weighbridge_cache_size(int level);

// Whether the address sanitizer watches. Then nothing is allocated beyond what is asked for: it would hide what is read there.
int weighbridge_memory_is_watched(void);
// `count` floats at an address that is a multiple of 64, not initialised; null if there is no memory.
float *_Nullable weighbridge_allocate(size_t count);
void weighbridge_free(float *_Nullable memory);
void weighbridge_fill(float *_Nonnull memory, size_t count, float value);
void weighbridge_copy(const float *_Nonnull from, float *_Nonnull to, size_t count);

// MARK: Threads

typedef struct weighbridge_pool weighbridge_pool;

// A pool of `threads` threads, the caller's own counted; fewer if the system gives no more. Null if there is no memory.
weighbridge_pool *_Nullable weighbridge_pool_create(size_t threads);
size_t weighbridge_pool_threads(const weighbridge_pool *_Nonnull pool);
// Ends the pool's threads. Nobody may be using it.
void weighbridge_pool_destroy(weighbridge_pool *_Nonnull pool);

// Calls body(context, index, thread) for every index below `count`, spread over the threads, and returns when all have
// returned. `thread` is below the number of threads, and no two calls at a time have the same. One run at a time: others wait.
// The body must not start a run itself.
void weighbridge_pool_run(
    weighbridge_pool *_Nonnull pool, size_t count,
    void (*_Nonnull body)(void *_Nonnull context, size_t index, size_t thread),
    void *_Nonnull context);

#endif
