public import CheckpointBytes
public import TensorValues

/// What differs between two checkpoints, weight by weight.
public struct CheckpointDifference: Sendable {
  /// How the values of one name differ.
  public struct Values: Sendable {
    /// The largest absolute difference; infinite if a value is infinite on one side only.
    public var maximumAbsolute = 0.0
    /// The largest difference relative to the larger magnitude.
    public var maximumRelative = 0.0
    /// The largest distance in units in the last place of the narrower type; nil where that means nothing (integers,
    /// two different categories).
    public var maximumULPs: UInt64?
    /// The cosine of the angle between the two weights taken as vectors; nil if one of them is zero.
    public var cosine: Double?
    /// NaNs in the first and in the second.
    public var nanCounts = (0, 0)
    /// The number of values that differ beyond the tolerance.
    public var beyondTolerance = 0
    /// The row-major index of the value that differs most.
    public var worstIndex = 0
    /// Both values there.
    public var worstValues = (0.0, 0.0)
  }

  /// What was found for a name that both have.
  public struct Entry: Sendable {
    /// The name.
    public let name: ExactName
    /// Type and shape in the first checkpoint.
    public let first: (dtype: DType, shape: Shape)
    /// Type and shape in the second.
    public let second: (dtype: DType, shape: Shape)
    /// True if the packed bytes are the same, and so are types and shapes.
    public let isIdentical: Bool
    /// How the values differ; nil if they are identical or cannot be compared.
    public let values: Values?

    /// True if the shapes differ, so that there is nothing to compare.
    public var hasOtherShape: Bool { first.shape != second.shape }
    /// True if the types differ.
    public var hasOtherType: Bool { first.dtype != second.dtype }
  }

  /// How much values may differ: `|a - b| <= absolute + relative · |b|`.
  public struct Tolerance: Sendable, Hashable {
    /// The absolute part.
    public var absolute: Double
    /// The relative part.
    public var relative: Double

    /// A tolerance; by default none, and types must agree too.
    public init(absolute: Double = 0, relative: Double = 0) {
      self.absolute = absolute
      self.relative = relative
    }

    /// True if values must be the same.
    public var isExact: Bool { absolute == 0 && relative == 0 }
  }

  /// Names that only the first has.
  public var missing: [ExactName] = []
  /// Names that only the second has.
  public var extra: [ExactName] = []
  /// Names that both have, worst first.
  public var entries: [Entry] = []
  /// What counts as equal.
  public var tolerance = Tolerance()

  /// True if an entry counts as different.
  public func isDifferent(_ entry: Entry) -> Bool {
    if entry.isIdentical { return false }
    if entry.hasOtherShape { return true }
    if tolerance.isExact { return true }
    guard let values = entry.values else { return true }
    return values.beyondTolerance > 0
  }

  /// True if both checkpoints hold the same names with the same weights, within the tolerance.
  public var isEqual: Bool {
    missing.isEmpty && extra.isEmpty && !entries.contains(where: isDifferent)
  }
}
