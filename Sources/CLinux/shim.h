// A Linux system call that glibc declares only under _GNU_SOURCE, which Swift's Glibc module is built without.
#ifndef WEIGHBRIDGE_CLINUX_SHIM_H
#define WEIGHBRIDGE_CLINUX_SHIM_H

#ifdef __linux__
#include <stdint.h>

int sync_file_range(int descriptor, int64_t offset, int64_t count, unsigned int flags);
#endif

#endif
