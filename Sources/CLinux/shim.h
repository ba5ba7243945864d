// Two Linux system calls that glibc declares only under _GNU_SOURCE, which Swift's Glibc module is built without.
#ifndef WEIGHBRIDGE_CLINUX_SHIM_H
#define WEIGHBRIDGE_CLINUX_SHIM_H

#ifdef __linux__
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

ssize_t copy_file_range(int input, int64_t *input_offset, int output, int64_t *output_offset, size_t count,
                        unsigned int flags);
int sync_file_range(int descriptor, int64_t offset, int64_t count, unsigned int flags);
#endif

#endif
