/// A hash table from pairs of 32-bit numbers: merges by their two symbols, tries by node and scalar.
///
/// Open addressing with linear probing. Keys are mixed with a number that differs from table to table, so that no file can
/// be written to collide.
struct PairTable<Value: Sendable>: Sendable {
  private var keys: [UInt64]
  private var values: [Value]
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
    keys = Array(repeating: Self.empty, count: 1 << bits)
    values = Array(repeating: filler, count: 1 << bits)
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
    let mask = keys.count - 1
    while keys[slot] != key, keys[slot] != Self.empty { slot = (slot + 1) & mask }
    return slot
  }

  /// The value of a pair.
  @inline(__always)
  subscript(first: UInt32, second: UInt32) -> Value? {
    let slot = slot(of: Self.key(first, second))
    return keys[slot] == Self.empty ? nil : values[slot]
  }

  /// Sets the value of a pair.
  mutating func set(_ first: UInt32, _ second: UInt32, _ value: Value) {
    let key = Self.key(first, second)
    var place = slot(of: key)
    if keys[place] == Self.empty {
      if (count + 1) * 2 > keys.count {
        grow()
        place = slot(of: key)
      }
      keys[place] = key
      count += 1
    }
    values[place] = value
  }

  private mutating func grow() {
    let oldKeys = keys
    let oldValues = values
    shift -= 1
    keys = Array(repeating: Self.empty, count: oldKeys.count * 2)
    values = Array(repeating: filler, count: oldKeys.count * 2)
    for (key, value) in zip(oldKeys, oldValues) where key != Self.empty {
      let place = slot(of: key)
      keys[place] = key
      values[place] = value
    }
  }
}
