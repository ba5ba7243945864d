public import CheckpointBytes
public import TensorValues

/// What counts as equal when a model is compared with a record.
public struct VerificationCriteria: Sendable {
  /// A tolerance for the outputs whose names match a pattern.
  public struct Exception: Sendable, Hashable {
    /// Which outputs.
    public var outputs: NamePattern
    /// What counts as equal there.
    public var tolerance: Tolerance

    /// Makes an exception of its parts.
    public init(outputs: NamePattern, tolerance: Tolerance) {
      self.outputs = outputs
      self.tolerance = tolerance
    }
  }

  /// What counts as equal, of a value.
  public var tolerance: Tolerance
  /// Outputs with a tolerance of their own; of several that match, the first counts.
  public var exceptions: [Exception]
  /// The part of an output's values, 0 to 1, that may lie beyond the tolerance before the output counts as different.
  public var mismatchShare: Double
  /// Which positions are compared.
  public var positions: ComparedPositions
  /// True if only what was computed is compared; otherwise an output that was recorded and not computed is a difference.
  public var comparesOnlyComputed: Bool

  /// Makes criteria of their parts.
  public init(
    tolerance: Tolerance = .float32, exceptions: [Exception] = [], mismatchShare: Double = 0,
    positions: ComparedPositions = .all, comparesOnlyComputed: Bool = false
  ) {
    self.tolerance = tolerance
    self.exceptions = exceptions
    self.mismatchShare = mismatchShare
    self.positions = positions
    self.comparesOnlyComputed = comparesOnlyComputed
  }

  /// The tolerance of an output.
  public func tolerance(of output: ExactName) -> Tolerance {
    exceptions.first { $0.outputs.matches(output) }?.tolerance ?? tolerance
  }
}
