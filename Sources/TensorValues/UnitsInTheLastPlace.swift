/// Distances between floating-point values, counted in representable values of the narrower of two types.
struct UnitsInTheLastPlace: Sendable {
  private let mantissaBits: Int
  private let smallestExponent: Int

  /// The distances between values of two types, or nil if one of them has no floating point.
  init?(_ left: DType, _ right: DType) {
    guard let a = UnitsInTheLastPlace.format(left), let b = UnitsInTheLastPlace.format(right) else {
      return nil
    }
    (mantissaBits, smallestExponent) = a.mantissaBits <= b.mantissaBits ? a : b
  }

  private static func format(_ dtype: DType) -> (mantissaBits: Int, smallestExponent: Int)? {
    switch dtype {
    case .f64, .c128: (52, -1022)
    case .f32, .c64: (23, -126)
    case .f16, .c32: (10, -14)
    case .bf16: (7, -126)
    case .f8E4M3: (3, -6)
    case .f8E4M3FNUZ: (3, -7)
    case .f8E5M2: (2, -14)
    case .f8E5M2FNUZ: (2, -15)
    default: nil
    }
  }

  /// The number of steps from one value to the other; the largest number if one is not finite.
  func distance(_ a: Double, _ b: Double) -> UInt64 {
    guard a.isFinite, b.isFinite else { return .max }
    if mantissaBits == 52 {
      return UInt64(
        clamping: (UnitsInTheLastPlace.ordinal(a) - UnitsInTheLastPlace.ordinal(b)).magnitude)
    }
    let steps = (position(a) - position(b)).magnitude.rounded()
    return steps >= 0x1p63 ? .max : UInt64(steps)
  }

  /// The place of a float64 among all float64s.
  private static func ordinal(_ value: Double) -> Int128 {
    let magnitude = Int128(value.magnitude.bitPattern)
    return value < 0 ? -magnitude : magnitude
  }

  /// The value's place on a line on which neighbouring representable values are 1 apart.
  private func position(_ value: Double) -> Double {
    if value == 0 { return 0 }
    let exponent = max(Int(value.exponent), smallestExponent)
    let fraction = value.magnitude / Double(sign: .plus, exponent: exponent, significand: 1)
    // Subnormal values have a fraction below 1 at the smallest exponent, which continues the line.
    let steps = Double(sign: .plus, exponent: mantissaBits, significand: 1)
    let place = (Double(exponent - smallestExponent) + fraction) * steps
    return value < 0 ? -place : place
  }
}
