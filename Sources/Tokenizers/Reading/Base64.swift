/// Bytes as text (RFC 4648, section 4): the standard alphabet, padded.
enum Base64 {
  /// The bytes that a text stands for; nil if it is not exactly what encoding them gives.
  static func bytes(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 4 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 4 * 3)
    for start in stride(from: 0, to: digits.count, by: 4) {
      var group = digits[start..<start + 4]
      if start + 4 == digits.count {
        if group.last == padding { group.removeLast() }
        if group.count == 3, group.last == padding { group.removeLast() }
      }
      var bits: UInt32 = 0
      for digit in group {
        guard let value = value(of: digit) else { return nil }
        bits = bits << 6 | value
      }
      let unused = UInt32(group.count * 6 % 8)
      guard bits & (1 << unused - 1) == 0 else { return nil }
      bits >>= unused
      for place in (0..<group.count - 1).reversed() {
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(place * 8)))
      }
    }
    return bytes
  }

  private static let padding = UInt8(ascii: "=")

  private static func value(of digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit) + 4
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
