/// Numbers of any count of bits that stand one behind the other, the most significant bit first.
struct BitReader {
  private let bytes: ArraySlice<UInt8>
  private var place: Int
  private var held: UInt8 = 0
  private var heldBits = 0

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    place = bytes.startIndex
  }

  /// The next number, of at most 64 bits. Behind the end there are zeros.
  mutating func next(_ bitCount: Int) -> UInt64 {
    var number: UInt64 = 0
    var missing = bitCount
    while missing > 0 {
      if heldBits == 0 {
        held = place < bytes.endIndex ? bytes[place] : 0
        place += 1
        heldBits = 8
      }
      let taken = min(missing, heldBits)
      number = number << UInt64(taken) | UInt64(held) >> UInt64(8 - taken)
      held = taken == 8 ? 0 : held << UInt8(taken)
      heldBits -= taken
      missing -= taken
    }
    return number
  }

  /// The number of zeros before the next one, which is taken with them; nil if there is no further one.
  mutating func zeros() -> Int? {
    var count = 0
    while true {
      if heldBits == 0 {
        guard place < bytes.endIndex else { return nil }
        held = bytes[place]
        place += 1
        heldBits = 8
      }
      let zeros = held.leadingZeroBitCount
      guard zeros < heldBits else {
        count += heldBits
        heldBits = 0
        continue
      }
      heldBits -= zeros + 1
      held = heldBits == 0 ? 0 : held << UInt8(zeros + 1)
      return count + zeros
    }
  }

  /// True if bits behind the end were asked for.
  var isPastEnd: Bool { place > bytes.endIndex }
}
