/// The alphabet of byte-level vocabularies: every byte is written as a printable scalar (`bytes_to_unicode` of OpenAI's
/// GPT-2, `encoder.py`). Bytes that are printable in Latin-1 stand for themselves, the others for U+0100 and up, in order.
enum ByteAlphabet {
  private static let tables = {
    var scalars: [UInt32] = []
    var bytes: [UInt8?] = Array(repeating: nil, count: 0x144)
    var spare: UInt32 = 0x100
    for byte in UInt32(0)...0xFF {
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: scalars.append(byte)
      default:
        scalars.append(spare)
        spare += 1
      }
    }
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt8(byte) }
    return (scalars: scalars, bytes: bytes)
  }()

  /// What a space is written as: U+0120.
  static let space: UInt32 = 0x120

  /// The byte that a scalar stands for.
  static func byte(_ scalar: UInt32) -> UInt8? {
    let bytes = tables.bytes
    return scalar < bytes.count ? bytes[Int(scalar)] : nil
  }

  /// The scalar that a byte is written as.
  static func scalar(_ byte: UInt8) -> UInt32 {
    tables.scalars[Int(byte)]
  }

  /// Appends the scalars for the bytes of one scalar; each stands for the whole of it.
  @inline(__always)
  static func append(_ scalar: AlignedScalar, to result: inout [AlignedScalar]) {
    let value = scalar.value
    let scalars = tables.scalars
    func put(_ byte: UInt32) { result.append(scalar.replaced(by: scalars[Int(byte & 0xFF)])) }
    switch value.byteCount {
    case 1: put(value)
    case 2:
      put(0xC0 | value >> 6)
      put(0x80 | value & 0x3F)
    case 3:
      put(0xE0 | value >> 12)
      put(0x80 | value >> 6 & 0x3F)
      put(0x80 | value & 0x3F)
    default:
      put(0xF0 | value >> 18)
      put(0x80 | value >> 12 & 0x3F)
      put(0x80 | value >> 6 & 0x3F)
      put(0x80 | value & 0x3F)
    }
  }
}
