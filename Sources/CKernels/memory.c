// Memory.
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/mman.h>
#endif
#include "CKernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

int weighbridge_memory_is_watched(void) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return 1;
#endif
#endif
  return 0;
}

float *weighbridge_allocate(size_t count) {
  // Room for one vector more, so that nothing is allocated with a size of 0.
  if (count > SIZE_MAX / sizeof(float) - 32) return NULL;
  void *memory = NULL;
  const size_t bytes = weighbridge_memory_is_watched()
                           ? count * sizeof(float)
                           : (count * sizeof(float) + 127) / 64 * 64;
  const size_t huge = 2 << 20;
  if (posix_memalign(&memory, bytes >= huge ? huge : 64, bytes) != 0) return NULL;
#if defined(__linux__)
  // Large pages where the system gives them on request: reading weights for one row became a third faster, products of 128
  // rows by a twentieth (AMD EPYC 9004, Linux 6.18). Where it does not, nothing changes.
  if (bytes >= huge) (void)madvise(memory, bytes / huge * huge, MADV_HUGEPAGE);
#endif
  return memory;
}

void weighbridge_free(float *memory) { free(memory); }

void weighbridge_fill(float *memory, size_t count, float value) {
  for (size_t i = 0; i < count; i++) memory[i] = value;
}

void weighbridge_copy(const float *from, float *to, size_t count) {
  memcpy(to, from, count * sizeof(float));
}

static size_t found_cache_size(int level) {
  long bytes = 0;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  bytes = sysconf(level == 1 ? _SC_LEVEL1_DCACHE_SIZE : _SC_LEVEL2_CACHE_SIZE);
#elif defined(__APPLE__)
  int64_t size = 0;
  size_t width = sizeof size;
  if (sysctlbyname(level == 1 ? "hw.l1dcachesize" : "hw.l2cachesize", &size, &width, NULL, 0) == 0)
    bytes = (long)size;
#endif
  return bytes > 0 ? (size_t)bytes : level == 1 ? 32 << 10 : 512 << 10;
}

size_t weighbridge_cache_size(int level) {
  // Asked once: in a virtual machine the question takes tens of microseconds.
  static _Atomic size_t sizes[2];
  _Atomic size_t *size = &sizes[level == 1 ? 0 : 1];
  if (atomic_load_explicit(size, memory_order_relaxed) == 0)
    atomic_store_explicit(size, found_cache_size(level), memory_order_relaxed);
  return atomic_load_explicit(size, memory_order_relaxed);
}
