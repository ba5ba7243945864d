internal import TensorValues

/// Exponent and mantissa of a binary floating-point type (HDF5 specification IV.A.2.d, class 1) whose sign is the highest bit,
/// followed by the exponent, and whose mantissa has a highest bit that is not stored.
struct FloatFields: Hashable {
  let exponentBits: UInt8
  let mantissaBits: UInt8
  let bias: UInt32

  /// The bit of the sign.
  var signPlace: UInt8 { mantissaBits &+ exponentBits }
  /// The size of a number.
  var byteCount: Int { (Int(mantissaBits) + Int(exponentBits) + 1) / 8 }
}

extension FloatFields {
  private static let known: [FloatFields: DType] = [
    FloatFields(exponentBits: 4, mantissaBits: 3, bias: 7): .f8E4M3,
    FloatFields(exponentBits: 4, mantissaBits: 3, bias: 8): .f8E4M3FNUZ,
    FloatFields(exponentBits: 5, mantissaBits: 2, bias: 15): .f8E5M2,
    FloatFields(exponentBits: 5, mantissaBits: 2, bias: 16): .f8E5M2FNUZ,
    FloatFields(exponentBits: 5, mantissaBits: 10, bias: 15): .f16,
    FloatFields(exponentBits: 8, mantissaBits: 7, bias: 127): .bf16,
    FloatFields(exponentBits: 8, mantissaBits: 23, bias: 127): .f32,
    FloatFields(exponentBits: 11, mantissaBits: 52, bias: 1023): .f64,
  ]

  private static let ofTypes = [DType: FloatFields](
    uniqueKeysWithValues: known.map { ($0.value, $0.key) })

  /// The fields of a type; nil if it has none like these.
  init?(_ dtype: DType) {
    guard let fields = Self.ofTypes[dtype] else { return nil }
    self = fields
  }

  /// The type of the fields; nil for one that this package does not know.
  var dtype: DType? { Self.known[self] }
}
