// libFuzzer's entry for programs that have a main of their own (compiler-rt, lib/fuzzer/FuzzerInterface.h).
#ifndef WEIGHBRIDGE_CLIBFUZZER_SHIM_H
#define WEIGHBRIDGE_CLIBFUZZER_SHIM_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*test)(const uint8_t *bytes, size_t count));

#endif
