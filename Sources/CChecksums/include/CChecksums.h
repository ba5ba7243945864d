// Checksums that a loop over bytes is too slow for.
#ifndef WEIGHBRIDGE_CCHECKSUMS_H
#define WEIGHBRIDGE_CCHECKSUMS_H

#include <stddef.h>
#include <stdint.h>

// CRC-32 as ZIP uses it (APPNOTE 4.4.7: polynomial 0x04C11DB7, reflected), by carry-less multiplication.
// True if this processor can do it. Where it cannot, zlib's own CRC-32 is as good as any.
int weighbridge_crc32_is_accelerated(void);

// Continues the checksum `crc` (0 for none) with `count` bytes, which must be a multiple of 16, and 64 at least. Only to be
// called where the processor can.
uint32_t weighbridge_crc32_folded(uint32_t crc, const uint8_t *bytes, size_t count);

// SHA-256 (FIPS 180-4, 6.2.2) over whole blocks of 64 bytes, which change the eight words of the state.
void weighbridge_sha256_portable(uint32_t state[8], const uint8_t *bytes, size_t blocks);

// The same by the processor's own instructions, only to be called where it has them.
int weighbridge_sha256_is_accelerated(void);
void weighbridge_sha256_accelerated(uint32_t state[8], const uint8_t *bytes, size_t blocks);

#endif
