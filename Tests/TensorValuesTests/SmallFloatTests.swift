import TensorValues
import TestSupport
import Testing

@Suite struct SmallFloatTests {
  @Test(
    "Every code of F4 and F6 is the number that ml_dtypes reads",
    arguments: [DType.f4, .f6E2M3, .f6E3M2])
  func packedCodes(_ type: DType) throws {
    let codec = try #require(SmallFloat(type))
    let expected = try Fixture("conversions/\(type).bin").bytes().littleEndian(UInt32.self)
    #expect(expected.count == 1 << type.bitWidth)
    for (code, bits) in expected.enumerated() {
      #expect(codec.decode(UInt8(code)).bitPattern == bits, "code \(code)")
      #expect(codec.encode(Float(bitPattern: bits)) == UInt8(code), "code \(code)")
    }
  }

  @Test("F4 lies in bytes as PyTorch packs it: the first element in the low half")
  func halves() {
    // 0x1 is 0.5, 0x2 is 1, 0x7 is 6, 0xF is -6.
    #expect(doubles(.f4, [0x21, 0xF7]) == [0.5, 1, 6, -6])
  }

  @Test("F6 lies in bytes from the least significant bit on: four elements in three bytes")
  func sixBits() {
    // The codes 1, 2, 3, 4 of E2M3 are 1/8, 2/8, 3/8, 4/8.
    let packed: UInt32 = 1 | 2 << 6 | 3 << 12 | 4 << 18
    let bytes = Array([UInt8](littleEndian: [packed]).prefix(3))
    #expect(doubles(.f6E2M3, bytes) == [0.125, 0.25, 0.375, 0.5])
  }

  @Test("Booleans, integers and complex numbers become doubles too")
  func otherDoubles() {
    #expect(doubles(.bool, [0, 1, 2]) == [0, 1, 1])
    #expect(doubles(.i16, [UInt8](littleEndian: [Int16(-3), 300])) == [-3, 300])
    #expect(doubles(.u64, [UInt8](littleEndian: [UInt64.max])) == [0x1p64])
    let pair = [Float(1.5), -2].map(\.bitPattern)
    #expect(doubles(.c64, [UInt8](littleEndian: pair)) == [1.5, -2])
  }

  private func doubles(_ type: DType, _ bytes: [UInt8]) -> [Double] {
    var values: [Double] = []
    unsafe bytes.withUnsafeBytes { unsafe type.doubles($0, into: &values) }
    return values
  }
}
