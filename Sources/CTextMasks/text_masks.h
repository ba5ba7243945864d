// Which of 64 bytes of text are of what kind, a bit a byte, the first in the lowest; and the keys that chunks of text are
// looked up by. Swift has no way from the lanes of a comparison to the bits of a number, which is one instruction on x86-64
// and a few on ARM; all else of the scanners is in Swift. Functions are inline, and what a caller does not use is not computed.
#ifndef WEIGHBRIDGE_TEXT_MASKS_H
#define WEIGHBRIDGE_TEXT_MASKS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Sixteen bytes are a register of every processor that is built for.
typedef uint8_t text_lanes __attribute__((vector_size(16)));
typedef _Bool text_lane_bits __attribute__((ext_vector_type(16)));

#define TEXT_INLINE static inline __attribute__((always_inline))

TEXT_INLINE text_lanes text_all(uint8_t byte) {
  return (text_lanes){byte, byte, byte, byte, byte, byte, byte, byte,
                      byte, byte, byte, byte, byte, byte, byte, byte};
}

// One bit of each lane that is not zero.
TEXT_INLINE uint64_t text_bits(text_lanes lanes) {
  text_lane_bits bits = __builtin_convertvector(lanes, text_lane_bits);
  uint16_t result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

// The lanes between two bytes, both included.
TEXT_INLINE text_lanes text_within(text_lanes lanes, uint8_t least, uint8_t most) {
  return (text_lanes)((lanes - text_all(least)) <= text_all((uint8_t)(most - least)));
}

typedef struct {
  // A to Z, a to z.
  uint64_t letters;
  // 0 to 9.
  uint64_t digits;
  // White space in ASCII: 9 to 13, and 32.
  uint64_t spaces;
  // What can be printed and is neither letter nor digit nor space.
  uint64_t signs;
  // 32 alone.
  uint64_t blanks;
  // Vertical tab and form feed.
  uint64_t breaks;
  // The byte ' alone.
  uint64_t apostrophes;
  // Bytes of scalars beyond ASCII.
  uint64_t foreign;
  // Those that are not the first of their scalar.
  uint64_t continuing;
} text_masks;

// The masks of 64 bytes.
TEXT_INLINE text_masks text_masks_of(const uint8_t *bytes) {
  text_masks masks = {0};
#pragma clang loop unroll(full)
  for (int part = 0; part < 4; part++) {
    text_lanes lanes;
    memcpy(&lanes, bytes + part * 16, sizeof lanes);
    text_lanes letters = text_within(lanes | text_all(0x20), 'a', 'z');
    text_lanes digits = text_within(lanes, '0', '9');
    text_lanes blanks = (text_lanes)(lanes == text_all(' '));
    int place = part * 16;
    masks.letters |= text_bits(letters) << place;
    masks.digits |= text_bits(digits) << place;
    masks.blanks |= text_bits(blanks) << place;
    masks.spaces |= text_bits(text_within(lanes, 0x09, 0x0D) | blanks) << place;
    masks.signs |= text_bits(text_within(lanes, 0x21, 0x7E) & ~letters & ~digits) << place;
    masks.breaks |= text_bits(text_within(lanes, 0x0B, 0x0C)) << place;
    masks.apostrophes |= text_bits((text_lanes)(lanes == text_all('\''))) << place;
    masks.foreign |= text_bits((text_lanes)(lanes >= text_all(0x80))) << place;
    masks.continuing |= text_bits(text_within(lanes, 0x80, 0xBF)) << place;
  }
  return masks;
}

// Where a byte stands in 64.
TEXT_INLINE uint64_t text_places_of(uint8_t byte, const uint8_t *bytes) {
  uint64_t places = 0;
#pragma clang loop unroll(full)
  for (int part = 0; part < 4; part++) {
    text_lanes lanes;
    memcpy(&lanes, bytes + part * 16, sizeof lanes);
    places |= text_bits((text_lanes)(lanes == text_all(byte))) << (part * 16);
  }
  return places;
}

typedef struct {
  uint64_t low;
  uint64_t high;
} text_sixteen;

// Sixteen bytes of text from a place on, all zero but the first `count`, of which there are at most 16.
TEXT_INLINE text_sixteen text_first(const uint8_t *bytes, size_t count) {
  static const uint8_t kept[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                   0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  text_sixteen text, mask;
  memcpy(&text, bytes, sizeof text);
  memcpy(&mask, kept + 16 - count, sizeof mask);
  text.low &= mask.low;
  text.high &= mask.high;
  return text;
}

// Asks for the line of the cache that a place lies in, which is going to be read and written.
TEXT_INLINE void text_ask_for(const void *place) { __builtin_prefetch(place, 1, 3); }

// Eight bytes of text from a place on.
TEXT_INLINE uint64_t text_eight(const uint8_t *bytes) {
  uint64_t result;
  memcpy(&result, bytes, sizeof result);
  return result;
}

#endif
