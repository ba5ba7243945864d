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
}
