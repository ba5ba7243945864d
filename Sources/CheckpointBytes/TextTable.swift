/// A hash table from texts, by their UTF-8, to numbers; the texts themselves are somebody else's.
///
/// Open addressing with linear probing, by the standard library's hash, which differs from process to process: no file can be written to
/// collide.
package struct TextTable: Sendable {
  private struct Slot: Sendable {
    var hash: UInt32
    var number: UInt32
  }

  private var slots: [Slot]
  private var count = 0

  /// No text has this number.
  private static var nothing: UInt32 { .max }

  /// A table without texts, of which about so many are to come.
  package init(expecting count: Int = 0) {
    let bits = Int.bitWidth - max(16, count).leadingZeroBitCount + 1
    slots = Array(repeating: Slot(hash: 0, number: Self.nothing), count: 1 << bits)
  }

  /// The number of a text; nil if it is not there. `text` gives the text of each number.
  package func number(of utf8: Span<UInt8>, _ text: (UInt32) -> String) -> UInt32? {
    let slot = slots[place(of: utf8, hash(of: utf8), text)]
    return slot.number == Self.nothing ? nil : slot.number
  }

  /// Adds a text with a number below 2³² − 1, unless it is there: then its number is what is returned, and stays unless it is replaced.
  package mutating func insert(
    _ utf8: Span<UInt8>, _ number: UInt32, replacing: Bool = false, _ text: (UInt32) -> String
  ) -> UInt32? {
    let hash = hash(of: utf8)
    let place = place(of: utf8, hash, text)
    let found = slots[place].number
    if found == Self.nothing {
      slots[place] = Slot(hash: hash, number: number)
      count += 1
      if count * 2 > slots.count { grow() }
      return nil
    }
    if replacing { slots[place].number = number }
    return found
  }

  /// The slot of a text, or the empty one where it belongs.
  private func place(
    of utf8: Span<UInt8>, _ hash: UInt32, _ text: (UInt32) -> String
  ) -> Int {
    var place = first(hash)
    while slots[place].number != Self.nothing {
      if slots[place].hash == hash, isEqual(utf8, text(slots[place].number)) { break }
      place = (place + 1) & (slots.count - 1)
    }
    return place
  }

  private func first(_ hash: UInt32) -> Int {
    Int(hash) >> max(0, 32 - slots.count.trailingZeroBitCount)
  }

  private func isEqual(_ utf8: Span<UInt8>, _ text: String) -> Bool {
    let other = text.utf8Span.span
    guard other.count == utf8.count else { return false }
    for place in utf8.indices where utf8[place] != other[place] { return false }
    return true
  }

  private func hash(of utf8: Span<UInt8>) -> UInt32 {
    var hasher = Hasher()
    // Only read while the span lives.
    unsafe utf8.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    return UInt32(truncatingIfNeeded: hasher.finalize())
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: Slot(hash: 0, number: Self.nothing), count: old.count * 2)
    for slot in old where slot.number != Self.nothing {
      var place = first(slot.hash)
      while slots[place].number != Self.nothing { place = (place + 1) & (slots.count - 1) }
      slots[place] = slot
    }
  }
}
