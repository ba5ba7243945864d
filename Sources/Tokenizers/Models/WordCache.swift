/// Words and their tokens, so that a word met again need not be merged again. A slot holds the word that came last.
struct WordCache: Sendable {
  private struct Slot {
    var hash: UInt64 = 0
    var keyStart: Int32 = 0
    var keyCount: Int32 = 0
    var partStart: Int32 = 0
    var partCount: Int32 = 0
  }

  private static let slotCount = 1 << 14
  /// Longer words are hardly met again (the reference draws the same line, utils/cache.rs).
  private static let longestWord = 256
  /// When the kept scalars or parts are more, all are forgotten.
  private static let capacity = 1 << 20

  private var slots: [Slot] = []
  private var keys: [UInt32] = []
  private var parts: [WordPart] = []

  /// What a word is looked up by.
  @inline(__always)
  static func hash(_ word: ArraySlice<AlignedScalar>) -> UInt64 {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    for scalar in word {
      hash = (hash ^ UInt64(scalar.value)) &* 0x2127_599B_F432_5C37
      hash ^= hash >> 29
    }
    return hash
  }

  /// The tokens of a word, if they are known.
  @inline(__always)
  func parts(of word: ArraySlice<AlignedScalar>, hash: UInt64) -> ArraySlice<WordPart>? {
    guard !slots.isEmpty else { return nil }
    let slot = slots[Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)]
    guard slot.hash == hash, Int(slot.keyCount) == word.count else { return nil }
    var key = Int(slot.keyStart)
    for scalar in word {
      guard keys[key] == scalar.value else { return nil }
      key += 1
    }
    let start = Int(slot.partStart)
    return parts[start..<start + Int(slot.partCount)]
  }

  /// Keeps the tokens of a word.
  mutating func keep(
    _ word: ArraySlice<AlignedScalar>, hash: UInt64, parts newParts: [WordPart]
  ) {
    guard word.count < Self.longestWord else { return }
    if slots.isEmpty { slots = Array(repeating: Slot(), count: Self.slotCount) }
    if keys.count > Self.capacity || parts.count > Self.capacity {
      slots = Array(repeating: Slot(), count: Self.slotCount)
      keys.removeAll(keepingCapacity: true)
      parts.removeAll(keepingCapacity: true)
    }
    slots[Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)] = Slot(
      hash: hash, keyStart: Int32(keys.count), keyCount: Int32(word.count),
      partStart: Int32(parts.count), partCount: Int32(newParts.count))
    for scalar in word { keys.append(scalar.value) }
    parts += newParts
  }
}
