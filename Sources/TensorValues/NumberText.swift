/// Numbers as people read them in reports.
package enum NumberText {
  /// A number with a fixed count of decimals.
  package static func fixed(_ value: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    guard let scaled = Int64(exactly: (value.magnitude * scale).rounded()) else {
      return asWritten(value)
    }
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if digits == 0 { return sign + String(scaled) }
    let whole = scaled / Int64(scale)
    let fraction = String(scaled % Int64(scale))
    return sign + "\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// A number as Swift writes it, but for what is none: its sign says nothing.
  private static func asWritten(_ value: Double) -> String {
    value.isNaN ? "nan" : "\(value)"
  }

  /// A number of any size: four significant digits.
  package static func significant(_ value: Double) -> String {
    if value == 0 || !value.isFinite { return asWritten(value) }
    let magnitude = value.magnitude
    let sign = value < 0 ? "-" : ""
    if magnitude >= 1e-3, magnitude < 1e6 {
      var digits = 3
      var bound = 10.0
      while magnitude >= bound, digits > 0 {
        digits -= 1
        bound *= 10
      }
      if magnitude < 1 { digits = magnitude < 0.01 ? 6 : magnitude < 0.1 ? 5 : 4 }
      return sign + fixed(magnitude, digits: digits)
    }
    var exponent = 0
    var mantissa = magnitude
    while mantissa >= 9.9995 {
      mantissa /= 10
      exponent += 1
    }
    while mantissa < 0.99995 {
      mantissa *= 10
      exponent -= 1
    }
    return sign + fixed(mantissa, digits: 3) + "e\(exponent)"
  }
}
