// For every processor: four lanes are what x86-64 and arm64 have at least, and the compiler makes do elsewhere.
#define LANES 4
#if defined(__aarch64__)
#define TILE_ROWS 8  // 32 registers
#else
#define TILE_ROWS 4  // 16 registers
#endif
#define TILE_VECTORS 2
#define TERMS 1
#define TABLE weighbridge_portable_kernels
#define TABLE_NAME "portable"

#if defined(__SSE2__)
#include <emmintrin.h>
#define MULTIPLY_PAIRS
typedef int integers __attribute__((ext_vector_type(LANES)));
static inline __attribute__((always_inline)) integers multiply_pairs(
    integers left, integers right) {
  return (integers)_mm_madd_epi16((__m128i)left, (__m128i)right);
}
#endif

#include "kernels.h"
