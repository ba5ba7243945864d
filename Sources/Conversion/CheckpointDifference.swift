public import CheckpointBytes
internal import Checkpoints
public import TensorValues

/// What differs between two checkpoints, weight by weight.
public struct CheckpointDifference: Sendable {
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
    public let values: ValueDifference?

    /// True if the shapes differ, so that there is nothing to compare.
    public var hasOtherShape: Bool { first.shape != second.shape }
    /// True if the types differ.
    public var hasOtherType: Bool { first.dtype != second.dtype }
  }

  /// Names that only the first has.
  public var missing: [ExactName] = []
  /// Names that only the second has.
  public var extra: [ExactName] = []
  /// Names that both have, worst first.
  public var entries: [Entry] = []
  /// What counts as equal; if it is exact, types must agree too.
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
