// Rounding by the instruction of AVX512-BF16. Included after vector_math.h by the files whose functions have it.
#define HAS_HALVES
// Rounded to the nearest bfloat16, in the low halves of the lanes; numbers below the normal ones, which are zeros to products, become
// zeros.
INLINE integers nearest_halves(vector values) {
  return (integers)_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)values));
}
INLINE int all_below(vector values, float most) {
  return _mm512_cmp_ps_mask((__m512)values, _mm512_set1_ps(most), _CMP_LT_OQ) == 0xFFFF;
}
