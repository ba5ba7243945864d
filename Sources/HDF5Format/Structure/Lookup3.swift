/// The checksum of all newer structures: Bob Jenkins' lookup3, `hashlittle` with an initial value of 0
/// (`H5_checksum_lookup3`; http://burtleburtle.net/bob/c/lookup3.c, public domain).
enum Lookup3 {
  /// True if a stored checksum is that of some bytes. A fuzzer, which would never get past one, is built without them
  /// (`scripts/fuzz`).
  static func accepts(_ stored: UInt32, of bytes: ArraySlice<UInt8>) -> Bool {
    #if WEIGHBRIDGE_FUZZING
      true
    #else
      stored == checksum(bytes)
    #endif
  }

  static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var a = 0xDEAD_BEEF &+ UInt32(truncatingIfNeeded: bytes.count)
    var (b, c) = (a, a)
    var next = bytes.startIndex
    func word(_ offset: Int) -> UInt32 {
      let index = next + offset
      // Beyond the end there are zeros.
      if index + 4 <= bytes.endIndex {
        return UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
          | UInt32(bytes[index + 3]) << 24
      }
      var value: UInt32 = 0
      for place in index..<max(index, bytes.endIndex) {
        value |= UInt32(bytes[place]) << UInt32(8 * (place - index))
      }
      return value
    }
    while bytes.endIndex - next > 12 {
      a &+= word(0)
      b &+= word(4)
      c &+= word(8)
      mix(&a, &b, &c)
      next += 12
    }
    if next == bytes.endIndex { return c }
    a &+= word(0)
    b &+= word(4)
    c &+= word(8)
    finish(&a, &b, &c)
    return c
  }

  private static func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 {
    value << count | value >> (32 - count)
  }

  private static func mix(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
    a = (a &- c) ^ rotated(c, 4)
    c &+= b
    b = (b &- a) ^ rotated(a, 6)
    a &+= c
    c = (c &- b) ^ rotated(b, 8)
    b &+= a
    a = (a &- c) ^ rotated(c, 16)
    c &+= b
    b = (b &- a) ^ rotated(a, 19)
    a &+= c
    c = (c &- b) ^ rotated(b, 4)
    b &+= a
  }

  private static func finish(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
    c = (c ^ b) &- rotated(b, 14)
    a = (a ^ c) &- rotated(c, 11)
    b = (b ^ a) &- rotated(a, 25)
    c = (c ^ b) &- rotated(b, 16)
    a = (a ^ c) &- rotated(c, 4)
    b = (b ^ a) &- rotated(a, 14)
    c = (c ^ b) &- rotated(b, 24)
  }
}
