internal import CheckpointBytes

/// What SentencePiece's normalizer rewrites: a trie from bytes to replacements, as models carry it
/// (`precompiled_charsmap`; sentencepiece `normalizer.cc`; the crate `spm_precompiled` 0.1.4).
///
/// ```
///  byte count, UInt32 │ the trie: units of UInt32, all little-endian │ replacements: UTF-8, a zero after each
/// ```
///
/// The trie is a double array (darts-clone). A unit at `p` has the byte that leads to it in bits 0…7; its children stand at
/// `p ^ offset ^ byte`, and if bit 8 is set, `p ^ offset` holds where the replacement begins.
package struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]
  /// What the scalars below ``lowEnd`` become, so that most text needs no look into the trie.
  private var lowReplacements: [Range<Int>?] = []

  private static let lowEnd: UInt32 = 0x300
  /// A cluster of fewer bytes is looked up as a whole first.
  private static let shortestSplit = 6

  /// Reads a map and checks every reference in it, in time proportional to its size.
  init(_ bytes: [UInt8]) throws(ParseFailure) {
    var cursor = ByteCursor(bytes)
    let byteCount = Int(try cursor.read(UInt32.self, .little, "the trie's length"))
    guard byteCount % 4 == 0, byteCount > 0, byteCount <= cursor.remaining else {
      throw ParseFailure(
        .malformed, at: 0, "the trie's length",
        "is \(byteCount), expected a multiple of 4 from 4 to \(cursor.remaining)")
    }
    var units: [UInt32] = []
    units.reserveCapacity(byteCount / 4)
    for _ in 0..<byteCount / 4 {
      units.append(try cursor.read(UInt32.self, .little, "the trie"))
    }
    self.units = units
    let start = cursor.position
    replacements = Array(bytes[start...])
    guard String(validating: replacements, as: UTF8.self) != nil else {
      throw ParseFailure(.malformed, at: start, "the replacements", "are not UTF-8")
    }
    guard !Unit.isValue(units[0]) else {
      throw ParseFailure(.malformed, at: 4, "the trie", "begins with a unit that has no children")
    }
    for (place, unit) in units.enumerated() where !Unit.isValue(unit) {
      let base = place ^ Unit.offset(unit)
      guard base | 0xFF < units.count else {
        throw ParseFailure(
          .malformed, at: 4 + place * 4, "the trie", "has children beyond its end")
      }
      guard !Unit.hasReplacement(unit) || isReplacement(Unit.value(units[base])) else {
        throw ParseFailure(
          .malformed, at: 4 + base * 4, "the trie", "points to no replacement")
      }
    }
    lowReplacements = (0..<Self.lowEnd).map { scalar in
      replacement(of: CollectionOfOne(AlignedScalar(value: scalar, start: 0, end: 0)))
    }
  }

  /// The fields of a unit.
  private enum Unit {
    /// True for a unit that holds where a replacement begins, and is nobody's child.
    static func isValue(_ unit: UInt32) -> Bool { unit >> 31 != 0 }
    static func value(_ unit: UInt32) -> Int { Int(unit & (1 << 31 - 1)) }
    static func hasReplacement(_ unit: UInt32) -> Bool { unit & 1 << 8 != 0 }
    static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << (unit & 1 << 9 != 0 ? 8 : 0) }
    static func isReached(_ unit: UInt32, by byte: UInt8) -> Bool {
      unit & (1 << 31 | 0xFF) == UInt32(byte)
    }
  }

  /// True if a replacement may begin here: between scalars, or at the end.
  private func isReplacement(_ start: Int) -> Bool {
    start < replacements.count ? replacements[start] & 0xC0 != 0x80 : start == replacements.count
  }

  /// What the shortest text in the map that these scalars begin with becomes. It stands for all of them, be they more.
  private func replacement(of scalars: some Sequence<AlignedScalar>) -> Range<Int>? {
    var base = Unit.offset(units[0])
    for scalar in scalars {
      guard let bytes = Unicode.Scalar(scalar.value).flatMap({ UTF8.encode($0) }) else {
        return nil
      }
      for byte in bytes {
        guard byte != 0 else { return nil }
        let place = base ^ Int(byte)
        let unit = units[place]
        guard Unit.isReached(unit, by: byte) else { return nil }
        base = place ^ Unit.offset(unit)
        if Unit.hasReplacement(unit) {
          let start = Unit.value(units[base])
          return start..<(replacements[start...].firstIndex(of: 0) ?? replacements.count)
        }
      }
    }
    return nil
  }

  private func replacement(of scalar: AlignedScalar) -> Range<Int>? {
    scalar.value < Self.lowEnd
      ? lowReplacements[Int(scalar.value)] : replacement(of: CollectionOfOne(scalar))
  }

  /// Appends what a text becomes (normalizers/precompiled.rs). Each grapheme cluster is looked up as a whole if it is short,
  /// and then scalar by scalar.
  func append(
    _ source: ArraySlice<AlignedScalar>, to result: inout [AlignedScalar], most: Int
  ) {
    let before = result.count
    result.reserveCapacity(result.count + source.count)
    var writer = Writer(source)
    var position = source.startIndex
    while position < source.endIndex, result.count - before <= most {
      let end = GraphemeClusters.end(of: source, from: position)
      if end - position > 1 {
        let cluster = source[position..<end]
        if end - position < Self.shortestSplit,
          cluster.reduce(0, { $0 + $1.value.byteCount }) < Self.shortestSplit,
          let range = replacement(of: cluster)
        {
          writer.replace(cluster.count, by: replacements[range], &result)
          position = end
          continue
        }
      }
      for scalar in source[position..<end] {
        if let range = replacement(of: scalar) {
          writer.replace(1, by: replacements[range], &result)
        } else {
          writer.append(scalar.value, change: 0, &result)
        }
      }
      position = end
    }
    writer.finish(&result)
  }

  /// A text under way. What is removed is counted at the scalar before it; at the beginning of a text it is not counted at
  /// all, so that what follows stands for what was removed: so does the reference.
  private struct Writer {
    private var text: ChangedText
    private var last: (value: UInt32, change: Int)?

    init(_ source: ArraySlice<AlignedScalar>) {
      text = ChangedText(of: source)
    }

    @inline(__always)
    mutating func append(_ value: UInt32, change: Int, _ result: inout [AlignedScalar]) {
      finish(&result)
      last = (value, change)
    }

    mutating func replace(
      _ count: Int, by bytes: ArraySlice<UInt8>, _ result: inout [AlignedScalar]
    ) {
      var written = 0
      for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
        append(scalar.value, change: written < count ? 0 : 1, &result)
        written += 1
      }
      if written < count { last?.change -= count - written }
    }

    @inline(__always)
    mutating func finish(_ result: inout [AlignedScalar]) {
      if let last { text.append(last.value, change: last.change, to: &result) }
    }
  }
}
