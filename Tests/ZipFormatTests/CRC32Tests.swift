import Testing
import ZipFormat

@Suite("CRC-32")
struct CRC32Tests {
  /// The definition, bit by bit.
  private func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var value: UInt32 = .max
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return ~value
  }

  private let bytes = (0..<2000).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 7 &+ $0 >> 3) }

  @Test("The check value of the catalogue")
  func checkValue() {
    #expect(CRC32.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(CRC32.checksum([]) == 0)
  }

  @Test("Every length and place gives what the definition gives")
  func lengths() {
    for length in Array(0...200) + [255, 256, 257, 1023, 1024, 1600] {
      for start in [0, 1, 7, 8, 15, 33] {
        let part = bytes[start..<(start + length)]
        #expect(CRC32.checksum(Array(part)) == checksum(part), "\(length) bytes from \(start)")
      }
    }
  }

  @Test("In pieces, and put together from pieces, it is the same")
  func pieces() {
    let whole = checksum(bytes)
    for cut in [0, 1, 63, 64, 65, 128, 1000, 1999, 2000] {
      var running = CRC32()
      for part in [Array(bytes[..<cut]), Array(bytes[cut...])] {
        unsafe part.withUnsafeBytes { unsafe running.update($0) }
      }
      #expect(running.value == whole)
      let combined = CRC32.combine(
        first: CRC32.checksum(Array(bytes[..<cut])), second: CRC32.checksum(Array(bytes[cut...])),
        secondLength: bytes.count - cut)
      #expect(combined == whole)
    }
  }
}
