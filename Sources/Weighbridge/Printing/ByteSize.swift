internal import TensorValues

/// Sizes as people write them, in powers of 1000 as the rest of this field counts.
package enum ByteSize {
  private static let units = ["B", "KB", "MB", "GB", "TB", "PB"]

  /// A size for people: three digits, then the unit.
  package static func text(_ bytes: Int) -> String {
    var value = Double(bytes)
    var unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    if unit == 0 { return "\(bytes) B" }
    return NumberText.fixed(value, digits: value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + " "
      + units[unit]
  }

  /// A count for people: `22.7 M`.
  package static func count(_ number: Int) -> String {
    if number < 10_000 { return String(number) }
    let (value, unit) =
      number < 1_000_000
      ? (Double(number) / 1e3, "K")
      : number < 1_000_000_000 ? (Double(number) / 1e6, "M") : (Double(number) / 1e9, "G")
    return NumberText.fixed(value, digits: value < 99.95 ? 1 : 0) + " " + unit
  }

  /// Reads `5GB`, `500MB`, `2GiB`, `1048576`: huggingface_hub's units (powers of 1000) and the binary ones.
  package static func parse(_ text: String) -> Int? {
    let factors: [(String, Int)] = [
      ("KIB", 1 << 10), ("MIB", 1 << 20), ("GIB", 1 << 30), ("TIB", 1 << 40), ("KB", 1000),
      ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1), ("", 1),
    ]
    let upper = text.uppercased()
    guard let (suffix, factor) = factors.first(where: { upper.hasSuffix($0.0) }) else { return nil }
    let number = upper.dropLast(suffix.count)
    guard let value = Double(number), value.isFinite, value > 0, value * Double(factor) < 9e18,
      value * Double(factor) >= 1
    else { return nil }
    return Int(value * Double(factor))
  }
}

/// A number of things: `1 tensor`, `2 tensors`.
package func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}
