/// The type of a tensor's elements, as a file states it.
///
/// The first twenty-two are safetensors' (`safetensors/src/tensor.rs`, 0.8.0), spelled as it spells them; the rest are
/// met in PyTorch and HDF5 files only.
public enum DType: String, Sendable, Hashable, CaseIterable {
  /// One byte, 0 for false. Other bytes are carried as they are.
  case bool = "BOOL"
  /// Two elements a byte: OCP MX FP4, one sign, two exponent and one mantissa bit (E2M1).
  case f4 = "F4"
  /// Six bits an element, four elements in three bytes.
  case f6E2M3 = "F6_E2M3"
  /// Six bits an element, four elements in three bytes.
  case f6E3M2 = "F6_E3M2"
  /// Unsigned, 8 bits.
  case u8 = "U8"
  /// Signed, 8 bits.
  case i8 = "I8"
  /// OCP 8-bit float with infinities.
  case f8E5M2 = "F8_E5M2"
  /// OCP 8-bit float without infinities (PyTorch's `float8_e4m3fn`).
  case f8E4M3 = "F8_E4M3"
  /// OCP MX scale: a power of two, no sign.
  case f8E8M0 = "F8_E8M0"
  /// As `f8E4M3` with one zero, one NaN and a bias of 8.
  case f8E4M3FNUZ = "F8_E4M3FNUZ"
  /// As `f8E5M2` with one zero, one NaN and a bias of 16.
  case f8E5M2FNUZ = "F8_E5M2FNUZ"
  /// Signed, 16 bits.
  case i16 = "I16"
  /// Unsigned, 16 bits.
  case u16 = "U16"
  /// IEEE 754 binary16.
  case f16 = "F16"
  /// The upper half of an IEEE 754 binary32.
  case bf16 = "BF16"
  /// Signed, 32 bits.
  case i32 = "I32"
  /// Unsigned, 32 bits.
  case u32 = "U32"
  /// IEEE 754 binary32.
  case f32 = "F32"
  /// Two `f32`: real, imaginary.
  case c64 = "C64"
  /// IEEE 754 binary64.
  case f64 = "F64"
  /// Signed, 64 bits.
  case i64 = "I64"
  /// Unsigned, 64 bits.
  case u64 = "U64"
  /// Two `f16`: real, imaginary (PyTorch's `complex32`). Not a safetensors type.
  case c32 = "C32"
  /// Two `f64`: real, imaginary. Not a safetensors type.
  case c128 = "C128"
}

extension DType {
  /// What kind of number an element is.
  public enum Category: Sendable {
    case boolean, integer, real, complex
  }

  /// The size of one element in bits: 4, 6, or a multiple of 8.
  public var bitWidth: Int {
    switch self {
    case .f4: 4
    case .f6E2M3, .f6E3M2: 6
    case .bool, .u8, .i8, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ: 8
    case .i16, .u16, .f16, .bf16: 16
    case .i32, .u32, .f32, .c32: 32
    case .c64, .f64, .i64, .u64: 64
    case .c128: 128
    }
  }

  /// The size of one element in bytes, or nil where elements share bytes.
  public var byteWidth: Int? {
    bitWidth.isMultiple(of: 8) ? bitWidth / 8 : nil
  }

  /// The size in bytes of the numbers an element is made of: half an element for complex types, nil where elements
  /// share bytes. Byte order is a matter of these.
  public var componentByteWidth: Int? {
    category == .complex ? bitWidth / 16 : byteWidth
  }

  /// How many numbers an element is made of: 2 of complex types, 1 of all others.
  package var partCount: Int { category == .complex ? 2 : 1 }

  /// What kind of number an element is.
  public var category: Category {
    switch self {
    case .bool: .boolean
    case .u8, .i8, .u16, .i16, .u32, .i32, .u64, .i64: .integer
    case .c32, .c64, .c128: .complex
    case .f4, .f6E2M3, .f6E3M2, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ, .f16, .bf16,
      .f32, .f64:
      .real
    }
  }

  /// The bytes that `elementCount` packed elements take, or nil where that is no whole number of bytes or does not fit
  /// an `Int`. Fewer than no elements take no number of bytes either.
  public func byteCount(elementCount: Int) -> Int? {
    guard elementCount >= 0 else { return nil }
    if let byteWidth {
      let (bytes, overflow) = elementCount.multipliedReportingOverflow(by: byteWidth)
      return overflow ? nil : bytes
    }
    let (bits, overflow) = elementCount.multipliedReportingOverflow(by: bitWidth)
    return overflow || !bits.isMultiple(of: 8) ? nil : bits / 8
  }
}

extension DType: CustomStringConvertible {
  /// The name safetensors gives the type.
  public var description: String { rawValue }
}
