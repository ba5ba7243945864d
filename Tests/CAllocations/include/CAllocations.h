// How much memory a thread has asked for: the test program's own malloc counts, and hands on to the C library's.
#ifndef C_ALLOCATIONS_H
#define C_ALLOCATIONS_H

#include <stddef.h>

// 1 if calls are counted: with glibc, and where no sanitizer has a malloc of its own.
int allocations_are_counted(void);
// How often this thread has asked for memory.
size_t allocations_count(void);
// How many bytes it has asked for, all together.
size_t allocations_bytes(void);

#endif
