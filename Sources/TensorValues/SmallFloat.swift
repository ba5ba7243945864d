/// A floating-point format of at most eight bits, and the bit arithmetic of the 16-bit ones.
///
/// The formats are those of the OCP 8-bit Floating Point Specification 1.0 and the OCP Microscaling Formats
/// Specification 1.0; the FNUZ ones are those of PyTorch (`c10/util/Float8_e4m3fnuz.h`, `Float8_e5m2fnuz.h`, 2.13).
package struct SmallFloat: Sendable {
  /// What the largest codes mean.
  private enum Specials {
    /// Infinities and NaNs as IEEE 754 has them.
    case infinitiesAndNaN
    /// All mantissa and exponent bits set is NaN; there is no infinity.
    case onlyNaN
    /// The code of negative zero is NaN; there is no infinity.
    case negativeZeroIsNaN
    /// Every code is a number.
    case none
  }

  private let exponentBits: Int
  private let mantissaBits: Int
  private let bias: Int
  private let specials: Specials
  private let isScale: Bool

  /// The codec of a type, or nil if it is no float of at most eight bits.
  package init?(_ type: DType) {
    switch type {
    case .f4: self.init(2, 1, bias: 1, .none)
    case .f6E2M3: self.init(2, 3, bias: 1, .none)
    case .f6E3M2: self.init(3, 2, bias: 3, .none)
    case .f8E4M3: self.init(4, 3, bias: 7, .onlyNaN)
    case .f8E5M2: self.init(5, 2, bias: 15, .infinitiesAndNaN)
    case .f8E4M3FNUZ: self.init(4, 3, bias: 8, .negativeZeroIsNaN)
    case .f8E5M2FNUZ: self.init(5, 2, bias: 16, .negativeZeroIsNaN)
    case .f8E8M0: self.init(8, 0, bias: 127, .onlyNaN, isScale: true)
    default: return nil
    }
  }

  private init(
    _ exponentBits: Int, _ mantissaBits: Int, bias: Int, _ specials: Specials,
    isScale: Bool = false
  ) {
    self.exponentBits = exponentBits
    self.mantissaBits = mantissaBits
    self.bias = bias
    self.specials = specials
    self.isScale = isScale
  }

  private var signBit: UInt8 { 1 << UInt8(exponentBits + mantissaBits) }

  /// The value of a code.
  package func decode(_ code: UInt8) -> Float {
    if isScale {
      return code == 0xFF ? .nan : Float(sign: .plus, exponent: Int(code) - bias, significand: 1)
    }
    let isNegative = code & signBit != 0
    let magnitude = Int(code & (signBit &- 1))
    let exponent = magnitude >> mantissaBits
    let mantissa = magnitude & (1 << mantissaBits - 1)
    let top = 1 << exponentBits - 1
    switch specials {
    case .infinitiesAndNaN where exponent == top:
      return mantissa != 0 ? .nan : isNegative ? -.infinity : .infinity
    case .onlyNaN where exponent == top && mantissa == 1 << mantissaBits - 1: return .nan
    case .negativeZeroIsNaN where isNegative && magnitude == 0: return .nan
    default: break
    }
    let significand = exponent == 0 ? mantissa : mantissa | 1 << mantissaBits
    let scale = max(exponent, 1) - bias - mantissaBits
    let value = Float(sign: .plus, exponent: scale, significand: Float(significand))
    return isNegative ? -value : value
  }

  /// The code nearest to a value, ties to even.
  package func encode(_ value: Float) -> UInt8 {
    if isScale { return encodeScale(value) }
    let sign: UInt8 = value.sign == .minus ? signBit : 0
    let largest = largestCode
    if value.isNaN { return nanCode(sign) }
    if value.isInfinite { return overflowCode(sign) }
    // In units of the smallest step at the value's own exponent, rounded; a carry moves into the exponent by itself.
    let exponent = max(value == 0 ? 1 - bias : Int(value.exponent), 1 - bias)
    let unit = Double(sign: .plus, exponent: exponent - mantissaBits, significand: 1)
    let steps = Int((Double(value.magnitude) / unit).rounded(.toNearestOrEven))
    let code = (exponent + bias - 1) << mantissaBits + steps
    if code > largest { return overflowCode(sign) }
    if code == 0, specials == .negativeZeroIsNaN { return 0 }
    return sign | UInt8(truncatingIfNeeded: code)
  }

  private func encodeScale(_ value: Float) -> UInt8 {
    // PyTorch rounds to the nearest power of two, ties up; zero and subnormals become the smallest scale.
    if value.isNaN || value.isInfinite { return 0xFF }
    let bits = value.bitPattern
    let exponent = UInt8(truncatingIfNeeded: bits >> 23)
    let guardBit = bits >> 22 & 1
    let rest = bits & 0x3F_FFFF
    let roundsUp = guardBit == 1 && (exponent > 0 || rest > 0)
    return roundsUp && exponent < 0xFF ? exponent + 1 : exponent
  }

  private var largestCode: Int {
    let all = 1 << (exponentBits + mantissaBits) - 1
    switch specials {
    case .infinitiesAndNaN: return all - 1 << mantissaBits
    case .onlyNaN: return all - 1
    case .negativeZeroIsNaN, .none: return all
    }
  }

  private func nanCode(_ sign: UInt8) -> UInt8 {
    switch specials {
    case .infinitiesAndNaN, .onlyNaN: sign | (signBit &- 1)
    case .negativeZeroIsNaN: signBit
    case .none: sign | UInt8(truncatingIfNeeded: largestCode)
    }
  }

  private func overflowCode(_ sign: UInt8) -> UInt8 {
    switch specials {
    case .infinitiesAndNaN: sign | UInt8(truncatingIfNeeded: largestCode + 1)
    // PyTorch 2.13 saturates E4M3, infinities included (`Float8_e4m3fn.h`).
    case .onlyNaN, .none: sign | UInt8(truncatingIfNeeded: largestCode)
    case .negativeZeroIsNaN: nanCode(sign)
    }
  }
}

// MARK: 16 bits

extension SmallFloat {
  /// float32 to bfloat16, to nearest even; every NaN becomes the quiet 0x7FC0, as PyTorch rounds.
  @inline(__always)
  package static func bfloat16Bits(_ bits: UInt32) -> UInt16 {
    let rounded = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
    let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
    return isNaN ? 0x7FC0 : UInt16(truncatingIfNeeded: rounded)
  }

  /// float32 to float16, to nearest even. Written without branches, so that the compiler can make vectors of it.
  @inline(__always)
  package static func float16Bits(_ bits: UInt32) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: bits >> 16 & 0x8000)
    let magnitude = bits & 0x7FFF_FFFF
    // Normal: move the exponent's bias from 127 to 15 and round 13 mantissa bits away.
    let normal = (magnitude &- 0x3800_0000 &+ 0xFFF &+ (magnitude >> 13 & 1)) >> 13
    // Below 2^-14: adding 0.5 aligns the mantissa to float16's subnormal step, rounded by the addition itself.
    let aligned = Float(bitPattern: magnitude) + Float(bitPattern: 0x3F00_0000)
    let subnormal = aligned.bitPattern &- 0x3F00_0000
    let special: UInt32 = magnitude > 0x7F80_0000 ? 0x7E00 : 0x7C00
    let finite = magnitude < 0x3880_0000 ? subnormal : normal
    // 65520 and more round to infinity.
    let result = magnitude >= 0x477F_F000 ? special : finite
    return sign | UInt16(truncatingIfNeeded: result)
  }

  /// float16 to float32, exact.
  @inline(__always)
  package static func float32Bits(float16 bits: UInt16) -> UInt32 {
    let sign = UInt32(bits & 0x8000) << 16
    let magnitude = UInt32(bits & 0x7FFF) << 13
    let isSpecial = magnitude >= 0x0F80_0000
    let normal = magnitude &+ 0x3800_0000
    let special = magnitude | 0x7F80_0000
    // Subnormal: 2^-14 times the fraction, exact in float32.
    let fraction = Float(bitPattern: magnitude | 0x3880_0000) - Float(bitPattern: 0x3880_0000)
    let finite = magnitude < 0x0080_0000 ? fraction.bitPattern : normal
    return sign | (isSpecial ? special : finite)
  }
}
