// Memory, and packing matrices into the order in which the products read them.
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/mman.h>
#endif
#include "CKernels.h"

#include <stdlib.h>
#include <string.h>

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

void weighbridge_pack_panel(
    const float *source, size_t row_stride, size_t column_stride, size_t depth, size_t columns,
    float *panel) {
  const size_t width = WEIGHBRIDGE_PANEL_COLUMNS;
  if (column_stride == 1) {
    for (size_t k = 0; k < depth; k++)
      memcpy(panel + k * width, source + k * row_stride, columns * sizeof(float));
    return;
  }
  // A transpose: 16 rows at a time, so that each line of the source is read while it is in the cache.
  for (size_t first = 0; first < depth; first += 16) {
    const size_t end = depth - first < 16 ? depth : first + 16;
    for (size_t column = 0; column < columns; column++)
      for (size_t k = first; k < end; k++)
        panel[k * width + column] = source[k * row_stride + column * column_stride];
  }
}

void weighbridge_pack_block(
    const float *source, size_t stride, size_t rows, size_t depth, float *block) {
  for (size_t row = 0; row < rows; row++)
    memcpy(block + row * WEIGHBRIDGE_BLOCK_STRIDE, source + row * stride, depth * sizeof(float));
}
