// What Swift's Glibc module leaves out: a system call that glibc declares only under _GNU_SOURCE, and the settings of its heap.
#ifndef WEIGHBRIDGE_CLINUX_SHIM_H
#define WEIGHBRIDGE_CLINUX_SHIM_H

#ifdef __linux__
#include <stdint.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

int sync_file_range(int descriptor, int64_t offset, int64_t count, unsigned int flags);
#endif

#endif
