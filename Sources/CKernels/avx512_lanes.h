// Sixteen lanes, the last ones masked. Included by the files whose functions have AVX-512.
#define LANES 16
#define MASKED_LANES
typedef float vector __attribute__((ext_vector_type(LANES)));

static inline __attribute__((always_inline)) vector load_part(const float *from, size_t count) {
  return (vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}

#define HAS_GREATER
static inline __attribute__((always_inline)) vector greater(vector value, vector other) {
  return (vector)_mm512_max_ps((__m512)value, (__m512)other);
}

static inline __attribute__((always_inline)) void store_part(
    float *to, vector value, size_t count) {
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)value);
}
