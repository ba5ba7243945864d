/// A hash table from pairs of 32-bit numbers: merges by their two symbols, tries by node and scalar.
///
/// Open addressing with linear probing. Keys are mixed with a number that differs from table to table, so that no file can
/// be written to collide.
struct PairTable<Value: Sendable>: Sendable {
  /// A key beside its value, so that both are read at once.
  private struct Slot: Sendable {
    var key: UInt64
    var value: Value
  }

  private var slots: [Slot]
  private var shift: Int
  private(set) var count = 0
  private let seed = UInt64.random(in: .min ... .max)
  private let filler: Value

  /// No pair of indices is this: they are below 2³¹.
  private static var empty: UInt64 { .max }

  /// A table with nothing in it. `filler` stands where there is no value.
  init(filler: Value, minimumCapacity: Int = 16) {
    let bits = max(5, Int.bitWidth - max(1, minimumCapacity).leadingZeroBitCount + 1)
    shift = 64 - bits
    slots = Array(repeating: Slot(key: Self.empty, value: filler), count: 1 << bits)
    self.filler = filler
  }

  private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 {
    UInt64(first) << 32 | UInt64(second)
  }

  /// The slot of the key, or the empty one where it belongs.
  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    var mixed = (key ^ seed) &* 0x9E37_79B9_7F4A_7C15
    mixed ^= mixed >> 32
    var slot = Int(truncatingIfNeeded: (mixed &* 0xD6E8_FEB8_6659_FD93) >> UInt64(shift))
    let mask = slots.count - 1
    while slots[slot].key != key, slots[slot].key != Self.empty { slot = (slot + 1) & mask }
    return slot
  }

  /// The value of a pair.
  @inline(__always)
  subscript(first: UInt32, second: UInt32) -> Value? {
    let slot = slot(of: Self.key(first, second))
    return slots[slot].key == Self.empty ? nil : slots[slot].value
  }

  /// Sets the value of a pair.
  mutating func set(_ first: UInt32, _ second: UInt32, _ value: Value) {
    let key = Self.key(first, second)
    var place = slot(of: key)
    if slots[place].key == Self.empty {
      if (count + 1) * 2 > slots.count {
        grow()
        place = slot(of: key)
      }
      slots[place].key = key
      count += 1
    }
    slots[place].value = value
  }

  private mutating func grow() {
    let old = slots
    shift -= 1
    slots = Array(repeating: Slot(key: Self.empty, value: filler), count: old.count * 2)
    for entry in old where entry.key != Self.empty { slots[slot(of: entry.key)] = entry }
  }
}
