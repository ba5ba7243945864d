/// A number of JSON text as serde_json reads it by default: not always the nearest double, but often the one beside it.
///
/// The reference library reads scores so, and of two ways through a word the last bit can decide. Transformers' classes read
/// the file with Python instead, which gives the nearest one.
enum ScoreText {
  /// The number that JSON text of one stands for; infinite if it is beyond the range.
  static func double(_ text: String) -> Double {
    var digits = text.utf8[...]
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative { digits.removeFirst() }
    var significand: UInt64 = 0
    var exponent = 0
    var isFull = false
    var isFraction = false
    while let byte = digits.popFirst() {
      if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
        exponent += Self.exponent(digits)
        break
      }
      if byte == UInt8(ascii: ".") {
        isFraction = true
        isFull = false
        continue
      }
      // Digits beyond 64 bits are dropped; those before the point still count as places.
      if !isFull {
        let (tens, overflows) = significand.multipliedReportingOverflow(by: 10)
        let (sum, overflowsToo) = tens.addingReportingOverflow(UInt64(byte &- UInt8(ascii: "0")))
        isFull = overflows || overflowsToo
        if !isFull { significand = sum }
      }
      if isFull != isFraction { exponent += isFraction ? -1 : 1 }
    }
    let value = scaled(Double(significand), exponent)
    return isNegative ? -value : value
  }

  /// Exponents beyond this change nothing any more.
  private static let greatestExponent = 1 << 40

  private static func exponent(_ digits: Substring.UTF8View) -> Int {
    var value = 0
    for byte in digits where byte >= UInt8(ascii: "0") {
      value = min(value * 10 + Int(byte - UInt8(ascii: "0")), greatestExponent)
    }
    return digits.first == UInt8(ascii: "-") ? -value : value
  }

  private static func scaled(_ significand: Double, _ exponent: Int) -> Double {
    var value = significand
    var exponent = exponent
    while value != 0 {
      if exponent.magnitude < powers.count {
        let power = powers[Int(exponent.magnitude)]
        return exponent < 0 ? value / power : value * power
      }
      guard exponent < 0 else { return .infinity }
      value /= 1e308
      exponent += 308
    }
    return value
  }

  /// 10⁰ to 10³⁰⁸.
  private static let powers: [Double] = (0...308).map { Double("1e\($0)") ?? .infinity }
}
