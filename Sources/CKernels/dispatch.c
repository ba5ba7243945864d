// Which tables this processor can run.
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/syscall.h>
#endif
#include "CKernels.h"

#include <pthread.h>
#include <unistd.h>

extern const weighbridge_kernels weighbridge_portable_kernels;
extern const weighbridge_weights weighbridge_tiles_int8, weighbridge_tiles_bfloat16,
    weighbridge_tiles_pieces;
extern const weighbridge_attention weighbridge_tiles_bfloat16_attention,
    weighbridge_tiles_pieces_attention;
#if defined(__x86_64__)
extern const weighbridge_kernels weighbridge_avx2_kernels;
extern const weighbridge_kernels weighbridge_avx512_kernels;
extern const weighbridge_weights weighbridge_vnni_int8, weighbridge_avx512_bfloat16;
extern const weighbridge_attention weighbridge_avx512_bfloat16_attention;
extern const weighbridge_weights weighbridge_amx_int8, weighbridge_amx_bfloat16,
    weighbridge_amx_pieces;
extern const weighbridge_attention weighbridge_amx_bfloat16_attention,
    weighbridge_amx_pieces_attention;
#endif

// A table with products of its own for some elements.
typedef struct {
  weighbridge_kernels table;
  weighbridge_weights weights[WEIGHBRIDGE_ELEMENT_COUNT];
} variant;

static variant best, high, narrow, emulated;
static const weighbridge_kernels *available[4], *with_high, *with_narrow;

static void make(variant *made, const weighbridge_kernels *base, const char *name) {
  made->table = *base;
  made->table.name = name;
  for (size_t i = 0; i < WEIGHBRIDGE_ELEMENT_COUNT; i++) made->weights[i] = base->weights[i];
  made->table.weights = made->weights;
}

#if defined(__x86_64__)
// Tiles are state that the system saves for those who ask: once a process.
static int has_tiles(void) {
#if defined(__linux__)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-int8") &&
         __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("avx512bf16") &&
         syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return 0;
#endif
}

// What __builtin_cpu_supports says takes into account whether the system saves the registers.
static size_t find_x86(void) {
  size_t count = 0;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    const int tiles = has_tiles(), halves = __builtin_cpu_supports("avx512bf16");
    make(&best, &weighbridge_avx512_kernels, weighbridge_avx512_kernels.name);
    if (__builtin_cpu_supports("avx512vnni"))
      best.weights[WEIGHBRIDGE_INT8] = weighbridge_vnni_int8;
    if (halves) best.table.rounded_attention = &weighbridge_avx512_bfloat16_attention;
    if (tiles) {
      best.weights[WEIGHBRIDGE_INT8] = weighbridge_amx_int8;
      best.table.rounded_attention = &weighbridge_amx_bfloat16_attention;
    }
    available[count++] = &best.table;
    make(&narrow, &best.table, tiles ? "amx, bfloat16" : "avx512, bfloat16");
    if (halves) {
      narrow.weights[WEIGHBRIDGE_BFLOAT16] = weighbridge_avx512_bfloat16;
      narrow.table.attention = &weighbridge_avx512_bfloat16_attention;
    }
    if (tiles) {
      narrow.weights[WEIGHBRIDGE_BFLOAT16] = weighbridge_amx_bfloat16;
      narrow.table.attention = &weighbridge_amx_bfloat16_attention;
    }
    if (halves) with_narrow = &narrow.table;
    if (tiles) {
      make(&high, &best.table, "amx, high");
      high.weights[WEIGHBRIDGE_FLOAT32] = weighbridge_amx_pieces;
      high.table.attention = &weighbridge_amx_pieces_attention;
      with_high = &high.table;
    }
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c"))
    available[count++] = &weighbridge_avx2_kernels;
  return count;
}
#endif

static void find(void) {
  size_t count = 0;
#if defined(__x86_64__)
  count = find_x86();
#endif
  available[count] = &weighbridge_portable_kernels;
  make(&emulated, &weighbridge_portable_kernels, "emulated tiles");
  emulated.weights[WEIGHBRIDGE_FLOAT32] = weighbridge_tiles_pieces;
  emulated.weights[WEIGHBRIDGE_BFLOAT16] = weighbridge_tiles_bfloat16;
  emulated.weights[WEIGHBRIDGE_INT8] = weighbridge_tiles_int8;
  emulated.table.attention = &weighbridge_tiles_pieces_attention;
  emulated.table.rounded_attention = &weighbridge_tiles_bfloat16_attention;
}

static void find_once(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find);
}

const weighbridge_kernels *weighbridge_kernels_at(size_t index) {
  find_once();
  return index < sizeof available / sizeof *available ? available[index] : NULL;
}

const weighbridge_kernels *weighbridge_kernels_with(enum weighbridge_precision precision) {
  find_once();
  switch (precision) {
    case WEIGHBRIDGE_FULL: return available[0];
    case WEIGHBRIDGE_HIGH: return with_high;
    case WEIGHBRIDGE_NARROW: return with_narrow;
  }
  return NULL;
}

const weighbridge_kernels *weighbridge_emulated_tiles(void) {
  find_once();
  return &emulated.table;
}
