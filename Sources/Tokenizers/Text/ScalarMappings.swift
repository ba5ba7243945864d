/// Lower case, decomposition, combining classes and composition of single scalars, as the reference library has them
/// (Rust's `char::to_lowercase`; the crate unicode-normalization-alignments).
enum ScalarMappings {
  /// The lower case of a scalar: itself unless the table knows another. `body` gets each scalar of it.
  @inline(__always)
  static func forEachLowercase(of scalar: UInt32, _ body: (UInt32) -> Void) {
    if scalar < 0x80 {
      body(0x41...0x5A ~= scalar ? scalar + 0x20 : scalar)
    } else if let mapped = lowercase[scalar] {
      for part in mapped { body(part) }
    } else {
      body(scalar)
    }
  }

  /// The full decomposition of a scalar: itself if it has none.
  static func forEachDecomposed(
    of scalar: UInt32, compatible: Bool, _ body: (UInt32) -> Void
  ) {
    guard scalar >= 0xA0 else { return body(scalar) }
    if let index = HangulSyllable.index(of: scalar) {
      HangulSyllable.decompose(index, body)
    } else if compatible, let mapped = Self.compatible[scalar] {
      for part in mapped { body(part) }
    } else if let mapped = canonical[scalar] {
      for part in mapped { body(part) }
    } else {
      body(scalar)
    }
  }

  /// The canonical combining class.
  static func combiningClass(of scalar: UInt32) -> UInt8 {
    scalar < 0x300 ? 0 : combining[scalar, 0] ?? 0
  }

  /// The scalar that two compose to, if any.
  static func composed(_ first: UInt32, _ second: UInt32) -> UInt32? {
    HangulSyllable.composed(first, second) ?? composition[first, second]
  }

  private static let lowercase = MappingTable(UnicodeTables.lowercase)
  private static let canonical = MappingTable(UnicodeTables.canonical)
  private static let compatible = MappingTable(UnicodeTables.compatible)

  private static let combining = {
    var table = PairTable<UInt8>(filler: 0, minimumCapacity: 1024)
    var numbers = HexadecimalNumbers(UnicodeTables.combining)
    var scalar: UInt32 = 0
    while let step = numbers.next(), let value = numbers.next() {
      scalar += step
      table.set(scalar, 0, UInt8(truncatingIfNeeded: value))
    }
    return table
  }()

  /// The pairs that compose. The tables hold full decompositions; the last step of one joins its last scalar with what
  /// the others compose to, so shorter decompositions come first.
  private static let composition = {
    var excluded: Set<UInt32> = []
    var numbers = HexadecimalNumbers(UnicodeTables.notRecomposed)
    while let scalar = numbers.next() { excluded.insert(scalar) }
    var table = PairTable<UInt32>(filler: 0, minimumCapacity: 1024)
    let entries = canonical.entries.filter { $0.parts.count > 1 && !excluded.contains($0.scalar) }
    for entry in entries.sorted(by: { $0.parts.count < $1.parts.count }) {
      guard let first = entry.parts.first, let last = entry.parts.last else { continue }
      var start: UInt32? = first
      for part in entry.parts.dropFirst().dropLast() {
        start = start.flatMap { table[$0, part] }
      }
      if let start { table.set(start, last, entry.scalar) }
    }
    return table
  }()
}

/// What some scalars are mapped to.
private struct MappingTable: Sendable {
  private var parts: [UInt32] = []
  private var places = PairTable<UInt32>(filler: 0, minimumCapacity: 2048)
  private var scalars: [UInt32] = []

  init(_ text: String) {
    var numbers = HexadecimalNumbers(text)
    var scalar: UInt32 = 0
    while let step = numbers.next(), let count = numbers.next() {
      scalar += step
      // Where the parts begin, and how many there are: at most 18.
      places.set(scalar, 0, UInt32(parts.count) << 8 | count)
      scalars.append(scalar)
      for _ in 0..<count { parts.append(numbers.next() ?? 0) }
    }
  }

  subscript(scalar: UInt32) -> ArraySlice<UInt32>? {
    guard let place = places[scalar, 0] else { return nil }
    let start = Int(place >> 8)
    return parts[start..<start + Int(place & 0xFF)]
  }

  var entries: [(scalar: UInt32, parts: ArraySlice<UInt32>)] {
    scalars.map { ($0, self[$0] ?? []) }
  }
}

/// The arithmetic of Hangul syllables (Unicode Standard, section 3.12).
private enum HangulSyllable {
  private static let syllables: UInt32 = 0xAC00
  private static let leading: UInt32 = 0x1100
  private static let vowels: UInt32 = 0x1161
  private static let trailing: UInt32 = 0x11A7
  private static let leadingCount: UInt32 = 19
  private static let vowelCount: UInt32 = 21
  private static let trailingCount: UInt32 = 28

  static func index(of scalar: UInt32) -> UInt32? {
    let index = scalar &- syllables
    return index < leadingCount * vowelCount * trailingCount ? index : nil
  }

  static func decompose(_ index: UInt32, _ body: (UInt32) -> Void) {
    body(leading + index / (vowelCount * trailingCount))
    body(vowels + index / trailingCount % vowelCount)
    if index % trailingCount != 0 { body(trailing + index % trailingCount) }
  }

  static func composed(_ first: UInt32, _ second: UInt32) -> UInt32? {
    let consonant = first &- leading
    let vowel = second &- vowels
    if consonant < leadingCount, vowel < vowelCount {
      return syllables + (consonant * vowelCount + vowel) * trailingCount
    }
    let end = second &- trailing
    if let index = index(of: first), index % trailingCount == 0, end > 0, end < trailingCount {
      return first + end
    }
    return nil
  }
}
