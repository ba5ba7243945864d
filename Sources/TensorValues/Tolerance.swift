/// How far a value may lie from the one expected: `|a − b| <= absolute + relative · max(|b|, scale)`, `b` expected.
///
/// The scale is the magnitude that smaller values are judged by, and belongs to the values, not to the tolerance. It is 0
/// for weights: each stands for itself. It is not 0 for what a model computes: a small result of a sum carries the rounding
/// errors of large terms. NaN equals NaN, an infinity equals itself, and neither is near anything else.
public struct Tolerance: Sendable, Hashable {
  /// The absolute part; finite, not negative.
  public var absolute: Double
  /// The relative part; finite, not negative.
  public var relative: Double

  /// A tolerance; by default none.
  public init(absolute: Double = 0, relative: Double = 0) {
    self.absolute = absolute
    self.relative = relative
  }

  /// True if values must be the same.
  public var isExact: Bool { absolute == 0 && relative == 0 }

  /// How far a value may lie from an expected one; 0 if the parts are no numbers, or negative.
  public func allowed(at expected: Double, scale: Double = 0) -> Double {
    let allowed = absolute + relative * max(expected.magnitude, scale)
    return allowed >= 0 ? allowed : 0
  }
}
