/// Numbers as Python's `str` and `repr` write them.
extension PythonText {
  /// A float, from the shortest digits that tell it, which Swift finds too: Python uses an exponent below 10⁻⁴ and from
  /// 10¹⁶ on (CPython, `Python/pystrtod.c`).
  static func float(_ shortest: String, isInteger: Bool = false) -> String {
    guard let decimal = Decimal(shortest) else {
      return shortest.utf8.contains(UInt8(ascii: "a")) ? "nan" : shortest
    }
    return decimal.text(fraction: isInteger ? "" : ".0")
  }

  /// `2j`, `(1.5-0j)`
  static func complex(_ real: Double, _ imaginary: Double) -> String {
    func part(_ value: Double) -> String { float("\(value)", isInteger: true) }
    let imaginaryPart = part(imaginary) + "j"
    guard real != 0 || real.sign == .minus else { return imaginaryPart }
    let isSigned = imaginaryPart.utf8.first == UInt8(ascii: "-")
    return "(" + part(real) + (isSigned ? "" : "+") + imaginaryPart + ")"
  }

  /// An integer of any size, stored as two's complement, little-endian. Takes the square of the number of bytes.
  static func integer(_ bytes: [UInt8]) -> String {
    let isNegative = (bytes.last ?? 0) >= 0x80
    var magnitude = bytes
    if isNegative {
      var carry = true
      for index in magnitude.indices {
        let inverted = ~magnitude[index]
        magnitude[index] = carry ? inverted &+ 1 : inverted
        carry = carry && inverted == 0xFF
      }
    }
    var groups: [UInt32] = []
    while let last = magnitude.last {
      if last == 0 {
        magnitude.removeLast()
        continue
      }
      var remainder: UInt32 = 0
      for index in magnitude.indices.reversed() {
        let value = remainder << 8 | UInt32(magnitude[index])
        magnitude[index] = UInt8(truncatingIfNeeded: value / 10_000)
        remainder = value % 10_000
      }
      groups.append(remainder)
    }
    let digits = groups.reversed().enumerated().map { place, group in
      let text = String(group)
      return String(repeating: "0", count: place == 0 ? 0 : 4 - text.utf8.count) + text
    }
    return (isNegative ? "-" : "") + (digits.isEmpty ? "0" : digits.joined())
  }
}

/// A finite number in decimal: its digits, and where the point stands.
private struct Decimal {
  let isNegative: Bool
  /// Without zeros in front or behind; "0" for zero.
  let digits: String
  /// The number of digits before the point; negative for zeros behind it.
  let point: Int

  /// Takes a description as Swift gives it: `12.5`, `-1e-05`. Nil for infinities and NaN.
  init?(_ description: String) {
    let isNegative = description.utf8.first == UInt8(ascii: "-")
    let parts = description.drop { $0 == "-" }.split(separator: "e")
    let mantissa = (parts.first ?? "").split(separator: ".")
    guard let whole = mantissa.first, let exponent = parts.count == 2 ? Int(parts[1]) : 0,
      whole.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    let all = whole + (mantissa.count == 2 ? mantissa[1] : "")
    let significant = all.drop { $0 == "0" }
    let zeros = all.utf8.count - significant.utf8.count
    var digits = String(significant)
    while digits.utf8.last == UInt8(ascii: "0") { digits.removeLast() }
    self.isNegative = isNegative
    self.digits = digits.isEmpty ? "0" : digits
    point = digits.isEmpty ? 1 : whole.utf8.count - zeros + exponent
  }

  /// `fraction` stands behind a whole number.
  func text(fraction: String) -> String {
    let sign = isNegative ? "-" : ""
    func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }
    guard point > -4, point <= 16 else {
      let exponent = String(abs(point - 1))
      let rest = digits.dropFirst()
      return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e"
        + (point > 0 ? "+" : "-") + zeros(max(0, 2 - exponent.utf8.count)) + exponent
    }
    if point <= 0 { return sign + "0." + zeros(-point) + digits }
    let count = digits.utf8.count
    return count <= point
      ? sign + digits + zeros(point - count) + fraction
      : sign + digits.prefix(point) + "." + digits.dropFirst(point)
  }
}
