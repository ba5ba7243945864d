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

// Sixteen vectors of sixteen numbers of 32 bits, the columns of which become the vectors.
#define HAS_TRANSPOSE
static inline __attribute__((always_inline)) void transpose_lanes(__m512i rows[16]) {
  __m512i pairs[16], quads[16];
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  // In each quarter of quads[4 i + j] one column of rows 4 i to 4 i + 3: column 4 l + j in quarter l.
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 2; j++) {
      quads[i + 2 * j] = _mm512_unpacklo_epi64(pairs[i + j], pairs[i + j + 2]);
      quads[i + 2 * j + 1] = _mm512_unpackhi_epi64(pairs[i + j], pairs[i + j + 2]);
    }
  for (int j = 0; j < 4; j++) {
    const __m512i even = _mm512_shuffle_i32x4(quads[j], quads[4 + j], 0x88);
    const __m512i odd = _mm512_shuffle_i32x4(quads[j], quads[4 + j], 0xDD);
    const __m512i later_even = _mm512_shuffle_i32x4(quads[8 + j], quads[12 + j], 0x88);
    const __m512i later_odd = _mm512_shuffle_i32x4(quads[8 + j], quads[12 + j], 0xDD);
    rows[j] = _mm512_shuffle_i32x4(even, later_even, 0x88);
    rows[4 + j] = _mm512_shuffle_i32x4(odd, later_odd, 0x88);
    rows[8 + j] = _mm512_shuffle_i32x4(even, later_even, 0xDD);
    rows[12 + j] = _mm512_shuffle_i32x4(odd, later_odd, 0xDD);
  }
}
