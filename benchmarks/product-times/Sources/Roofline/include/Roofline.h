// How much arithmetic one thread of this processor does at most, measured on registers alone.
#ifndef ROOFLINE_H
#define ROOFLINE_H

// Runs `rounds` rounds of an instruction set's multiply-adds, by the name of a set of kernels, on float32, and returns the operations
// done (a multiply-add is two); 0 if the processor has none such.
double roofline_float32(const char *name, long rounds);
// The same of int8 as pairs of 16 bits, for sets of kernels without tiles and AVX-512.
double roofline_pairs(const char *name, long rounds);
// The same of bfloat16 and of int8, in tiles (AMX) or vectors (AVX-512). Where there are neither, that of float32, and of pairs.
double roofline_bfloat16(long rounds);
double roofline_int8(long rounds);

// Reads memory that is in no cache for some rounds, and returns the bytes read; 0 if there is no memory.
double roofline_read(long rounds);

// Seconds that this thread has been computing: what others do on the processor meanwhile does not count.
double roofline_seconds(void);

#endif
