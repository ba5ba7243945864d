import TensorValues
import Testing

@Suite struct DTypeTests {
  /// safetensors 0.8.0: `safetensors/src/tensor.rs`, `Dtype::bitsize`.
  static let reference: [(String, Int)] = [
    ("BOOL", 8), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("U8", 8), ("I8", 8), ("F8_E5M2", 8),
    ("F8_E4M3", 8), ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("I16", 16),
    ("U16", 16), ("F16", 16), ("BF16", 16), ("I32", 32), ("U32", 32), ("F32", 32), ("C64", 64),
    ("F64", 64), ("I64", 64), ("U64", 64),
  ]

  @Test("Every type of safetensors is there under its name, with its width", arguments: reference)
  func namesAndWidths(_ name: String, _ bits: Int) throws {
    let type = try #require(DType(rawValue: name))
    #expect(type.bitWidth == bits)
    #expect(type.byteWidth == (bits >= 8 ? bits / 8 : nil))
    #expect("\(type)" == name)
  }

  @Test("Two types of PyTorch and HDF5 come on top")
  func others() {
    let names = Set(Self.reference.map(\.0))
    let others = DType.allCases.filter { !names.contains($0.rawValue) }
    #expect(others == [.c32, .c128])
    #expect(others.map(\.bitWidth) == [32, 128])
  }

  @Test(
    "A name in another case or with a space is no type", arguments: ["f32", "F32 ", "", "F128"])
  func unknownNames(_ name: String) {
    #expect(DType(rawValue: name) == nil)
  }

  @Test("Byte order concerns the parts of a complex number")
  func componentWidths() {
    #expect(DType.c32.componentByteWidth == 2)
    #expect(DType.c64.componentByteWidth == 4)
    #expect(DType.c128.componentByteWidth == 8)
    #expect(DType.f64.componentByteWidth == 8)
    #expect(DType.f4.componentByteWidth == nil)
  }

  @Test("Elements that share bytes take a whole number of bytes or have no size")
  func sharedBytes() {
    #expect(DType.f4.byteCount(elementCount: 6) == 3)
    #expect(DType.f4.byteCount(elementCount: 5) == nil)
    #expect(DType.f6E2M3.byteCount(elementCount: 4) == 3)
    #expect(DType.f6E3M2.byteCount(elementCount: 8) == 6)
    for count in [1, 2, 3, 5, 6] { #expect(DType.f6E2M3.byteCount(elementCount: count) == nil) }
  }

  @Test("No type takes a byte without elements", arguments: DType.allCases)
  func nothing(_ type: DType) {
    #expect(type.byteCount(elementCount: 0) == 0)
  }

  @Test("A size beyond Int is no size, and neither is a negative one", arguments: DType.allCases)
  func overflow(_ type: DType) {
    #expect(type.byteCount(elementCount: -8) == nil)
    #expect(type.byteCount(elementCount: .min) == nil)
    if type.bitWidth > 8 {
      let largest = Int.max / (type.bitWidth / 8)
      #expect(type.byteCount(elementCount: largest) != nil)
      #expect(type.byteCount(elementCount: largest + 1) == nil)
    }
    if type.bitWidth == 8 { #expect(type.byteCount(elementCount: .max) == .max) }
  }
}
