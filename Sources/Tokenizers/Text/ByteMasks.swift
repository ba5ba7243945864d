/// Which of 64 bytes of text are of what kind: a bit a byte, the first in the lowest.
///
/// Eight bytes are classified at a time in the bits of one number (SIMD within a register): adding a constant to seven-bit
/// bytes carries into the eighth bit where they are at least so large.
struct ByteMasks {
  /// A to Z, a to z.
  var letters: UInt64 = 0
  /// 0 to 9.
  var digits: UInt64 = 0
  /// White space in ASCII: 9 to 13, and 32.
  var spaces: UInt64 = 0
  /// What can be printed and is neither letter nor digit nor space.
  var signs: UInt64 = 0
  /// 32 alone.
  var blanks: UInt64 = 0
  /// Vertical tab and form feed.
  var breaks: UInt64 = 0
  /// The byte ' alone.
  var apostrophes: UInt64 = 0
  /// Bytes of scalars beyond ASCII.
  var foreign: UInt64 = 0
  /// Those that are not the first of their scalar.
  var continuing: UInt64 = 0

  @inline(__always)
  init(_ bytes: TextBytes, at position: Int) {
    for step in 0..<8 {
      let eight = bytes.eight(at: position &+ step &* 8)
      let foreign = eight & Self.highBits
      let low = eight & ~Self.highBits
      let ascii = ~foreign
      let letter = Self.within(low | Self.repeated(0x20), 0x61...0x7A) & ascii
      let digit = Self.within(low, 0x30...0x39) & ascii
      let blank = Self.equal(low, 0x20) & ascii
      let place = UInt64(step &* 8)
      letters |= Self.gathered(letter) << place
      digits |= Self.gathered(digit) << place
      blanks |= Self.gathered(blank) << place
      spaces |= Self.gathered(Self.within(low, 0x09...0x0D) & ascii | blank) << place
      signs |= Self.gathered(Self.within(low, 0x21...0x7E) & ascii & ~letter & ~digit) << place
      breaks |= Self.gathered(Self.within(low, 0x0B...0x0C) & ascii) << place
      apostrophes |= Self.gathered(Self.equal(low, 0x27) & ascii) << place
      guard foreign != 0 else { continue }
      self.foreign |= Self.gathered(foreign) << place
      continuing |= Self.gathered(foreign & ~(eight << 1)) << place
    }
  }

  private static var highBits: UInt64 { 0x8080_8080_8080_8080 }

  @inline(__always)
  static func repeated(_ byte: UInt8) -> UInt64 {
    UInt64(byte) &* 0x0101_0101_0101_0101
  }

  /// The high bit of each seven-bit byte in a range.
  @inline(__always)
  private static func within(_ low: UInt64, _ range: ClosedRange<UInt8>) -> UInt64 {
    (low &+ repeated(0x80 &- range.lowerBound)) & ~(low &+ repeated(0x7F &- range.upperBound))
      & highBits
  }

  /// The high bit of each seven-bit byte that is this one.
  @inline(__always)
  private static func equal(_ low: UInt64, _ byte: UInt8) -> UInt64 {
    (highBits &- (low ^ repeated(byte))) & highBits
  }

  /// The high bit of each byte, of all eight bits, that is this one.
  @inline(__always)
  static func places(of byte: UInt8, in eight: UInt64) -> UInt64 {
    let difference = eight ^ repeated(byte)
    return ~(((difference & ~highBits) &+ ~highBits) | difference) & highBits
  }

  /// The high bits of eight bytes, side by side.
  @inline(__always)
  private static func gathered(_ bits: UInt64) -> UInt64 {
    ((bits >> 7) &* 0x0102_0408_1020_4080) >> 56
  }
}
