/// How two rows of values differ: the sums and extremes of a comparison, added up piece by piece.
///
/// Equal values, NaN and NaN among them, differ in nothing. A NaN or an infinity on one side only makes an infinite
/// difference.
public struct ValueDifference: Sendable {
  /// What counts as equal.
  public let tolerance: Tolerance
  /// The magnitude that smaller values are judged by; see ``Tolerance``.
  public let scale: Double
  /// The largest absolute difference; infinite if a value is not finite on one side only.
  public private(set) var maximumAbsolute = 0.0
  /// The largest difference relative to the larger magnitude.
  public private(set) var maximumRelative = 0.0
  /// The largest distance in units in the last place of the narrower type; nil where that means nothing (integers, two
  /// different categories).
  public private(set) var maximumULPs: UInt64?
  /// NaNs in the first and in the second.
  public private(set) var nanCounts = (0, 0)
  /// Infinities in the first and in the second.
  public private(set) var infinityCounts = (0, 0)
  /// The number of values that differ at all.
  public private(set) var differing = 0
  /// The number of values that differ beyond the tolerance.
  public private(set) var beyondTolerance = 0
  /// The row-major index of the value that differs most, measured by what the tolerance allows there.
  public private(set) var worstIndex = 0
  /// Both values there.
  public private(set) var worstValues = (0.0, 0.0)
  /// The difference there in multiples of what the tolerance allows; above 1 if it is beyond. Of an exact tolerance, the
  /// absolute difference itself.
  public private(set) var worstExcess = 0.0

  private let ulps: UnitsInTheLastPlace?
  private var dot = 0.0
  private var squares = (0.0, 0.0)

  /// A comparison of nothing yet.
  ///
  /// - Parameters:
  ///   - left: The type of the first values, for units in the last place.
  ///   - right: The type of the second, expected values.
  ///   - tolerance: What counts as equal.
  ///   - scale: The magnitude that smaller values are judged by.
  public init(_ left: DType, _ right: DType, tolerance: Tolerance = Tolerance(), scale: Double = 0)
  {
    self.tolerance = tolerance
    self.scale = scale
    ulps = UnitsInTheLastPlace(left, right)
    if ulps != nil { maximumULPs = 0 }
  }

  /// The cosine of the angle between both rows taken as vectors, without values that are not finite; nil if one of the two
  /// is zero.
  public var cosine: Double? {
    let length = squares.0.squareRoot() * squares.1.squareRoot()
    return length > 0 ? min(1, max(-1, dot / length)) : nil
  }

  /// Adds values of both sides; `start` is the row-major index of the first of them. Of rows of different lengths the
  /// longer one's rest is left out. Where doubles do not have all bits of the values, `distances` say how far they are apart.
  public mutating func add(
    _ first: [Double], _ second: [Double], distances: [Double]? = nil, at start: Int
  ) {
    for index in 0..<min(first.count, second.count, distances?.count ?? .max) {
      let (a, b) = (first[index], second[index])
      if let distances {
        if distances[index] == 0 {
          addEqual(a, b)
        } else {
          addDifferent(a, b, distances[index], at: start &+ index)
        }
      } else if a == b || (a.isNaN && b.isNaN) {
        addEqual(a, b)
      } else {
        addDifferent(a, b, (a - b).magnitude, at: start &+ index)
      }
    }
  }

  @inline(__always)
  private mutating func addEqual(_ a: Double, _ b: Double) {
    if a.isFinite {
      addToAngle(a, b)
    } else {
      count(a, b)
    }
  }

  private mutating func addDifferent(
    _ a: Double, _ b: Double, _ distance: Double, at index: Int
  ) {
    count(a, b)
    differing += 1
    let isFinite = a.isFinite && b.isFinite
    if isFinite { addToAngle(a, b) }
    let absolute = isFinite ? distance : .infinity
    maximumAbsolute = max(maximumAbsolute, absolute)
    let relative = absolute.isFinite ? absolute / max(a.magnitude, b.magnitude) : .infinity
    maximumRelative = max(maximumRelative, relative)
    if let ulps { maximumULPs = max(maximumULPs ?? 0, ulps.distance(a, b)) }
    let allowed = isFinite ? tolerance.allowed(at: b, scale: scale) : 0
    if absolute > allowed { beyondTolerance += 1 }
    let excess = tolerance.isExact ? absolute : absolute / allowed
    if excess > worstExcess {
      worstExcess = excess
      worstIndex = index
      worstValues = (a, b)
    }
  }

  @inline(__always)
  private mutating func addToAngle(_ a: Double, _ b: Double) {
    dot += a * b
    squares.0 += a * a
    squares.1 += b * b
  }

  private mutating func count(_ a: Double, _ b: Double) {
    if a.isNaN { nanCounts.0 += 1 }
    if b.isNaN { nanCounts.1 += 1 }
    if a.isInfinite { infinityCounts.0 += 1 }
    if b.isInfinite { infinityCounts.1 += 1 }
  }
}
