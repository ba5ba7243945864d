// For every processor: four lanes are what x86-64 and arm64 have at least, and the compiler makes do elsewhere.
#define LANES 4
#if defined(__aarch64__)
#define TILE_ROWS 8  // 32 registers
#else
#define TILE_ROWS 4  // 16 registers
#endif
#define TILE_VECTORS 2
#define TABLE weighbridge_portable_kernels
#define TABLE_NAME "portable"
#include "kernels.h"
