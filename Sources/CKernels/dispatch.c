// Which tables this processor can run.
#include "CKernels.h"

extern const weighbridge_kernels weighbridge_portable_kernels;
#if defined(__x86_64__)
extern const weighbridge_kernels weighbridge_avx2_kernels;
extern const weighbridge_kernels weighbridge_avx512_kernels;
#endif

const weighbridge_kernels *weighbridge_kernels_at(size_t index) {
  const weighbridge_kernels *available[4] = {0};
  size_t count = 0;
#if defined(__x86_64__)
  // What __builtin_cpu_supports says takes into account whether the system saves the registers.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
    available[count++] = &weighbridge_avx512_kernels;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c"))
    available[count++] = &weighbridge_avx2_kernels;
#endif
  available[count++] = &weighbridge_portable_kernels;
  return index < count ? available[index] : NULL;
}
