import TensorValues
import TestSupport

/// What PyTorch computes, from `fixtures/conversions` (`make.py` describes the files).
struct ConversionTables {
  /// The order of the results in a file.
  static let types: [DType] = [
    .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ, .f16, .bf16, .f32, .f64,
  ]

  let source: DType
  /// The values converted, packed.
  let values: [UInt8]
  /// Results, or their hashes, by destination.
  private(set) var results: [DType: [UInt8]] = [:]

  init(_ source: DType) throws {
    self.source = source
    var bytes = try Fixture("conversions/\(source).bin").bytes()[...]
    let width = source.bitWidth / 8
    let destinations = Self.types.filter { $0 != source }
    let count: Int
    switch source {
    case .f32, .f64:
      let bytesPerValue = width + destinations.reduce(0) { $0 + $1.bitWidth / 8 }
      count = bytes.count / bytesPerValue
      values = Array(bytes.prefix(count * width))
      bytes = bytes.dropFirst(count * width)
    case .f16, .bf16:
      count = 1 << 16
      values = [UInt8](littleEndian: (0..<count).map { UInt16($0) })
    default:
      count = 256
      values = (0..<count).map { UInt8($0) }
    }
    for destination in destinations {
      let size = width == 2 ? 256 * 8 : count * destination.bitWidth / 8
      results[destination] = Array(bytes.prefix(size))
      bytes = bytes.dropFirst(size)
    }
  }
}

extension DType {
  /// The bytes of packed elements with every NaN made the one that the tables have.
  func canonical(_ bytes: [UInt8]) -> [UInt8] {
    var values: [Double] = []
    unsafe bytes.withUnsafeBytes { unsafe doubles($0, into: &values) }
    var result = bytes
    let width = bytes.count / max(1, values.count)
    for (index, value) in values.enumerated() where value.isNaN {
      for (place, byte) in canonicalNaN(width).enumerated() { result[index * width + place] = byte }
    }
    return result
  }

  private func canonicalNaN(_ width: Int) -> [UInt8] {
    switch self {
    case .f8E5M2, .f8E4M3: [0x7F]
    case .f8E8M0: [0xFF]
    case .f8E4M3FNUZ, .f8E5M2FNUZ: [0x80]
    case .f16, .c32: [0x00, 0x7E]
    case .bf16: [0xC0, 0x7F]
    case .f32, .c64: [0x00, 0x00, 0xC0, 0x7F]
    default: [0, 0, 0, 0, 0, 0, 0xF8, 0x7F]
    }
  }
}

/// FNV-1a of 64 bits.
func fnv1a(_ bytes: ArraySlice<UInt8>) -> UInt64 {
  bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}

/// The elements of a buffer in another type.
func convert(_ bytes: [UInt8], _ source: DType, _ destination: DType) throws -> [UInt8] {
  guard let conversion = ElementConversion(from: source, to: destination),
    let width = source.byteWidth, let newWidth = destination.byteWidth
  else { return [] }
  var result = [UInt8](repeating: 0xAA, count: bytes.count / width * newWidth)
  try unsafe bytes.withUnsafeBytes { input in
    try unsafe result.withUnsafeMutableBytes { try unsafe conversion.convert(input, into: $0) }
  }
  return result
}
