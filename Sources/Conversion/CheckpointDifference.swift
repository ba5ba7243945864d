public import CheckpointBytes
internal import Checkpoints
internal import OrderedCollections
public import TensorValues
public import WeightGraph

/// What differs between two checkpoints, weight by weight.
public struct CheckpointDifference: Sendable {
  /// What was found for a name that both have.
  public struct Entry: Sendable {
    /// The name.
    public let name: ExactName
    /// Type and shape in the first checkpoint; of a matrix of steps and scales the type of the steps (I8), whose values are
    /// compared as those that they stand for.
    public let first: (dtype: DType, shape: Shape)
    /// Type and shape in the second, likewise.
    public let second: (dtype: DType, shape: Shape)
    /// True if the packed bytes are the same, and so are types and shapes; of a comparison of structure, if types and shapes
    /// are.
    public let isIdentical: Bool
    /// How the values differ; nil if they are identical or cannot be compared.
    public let values: ValueDifference?

    init(
      name: ExactName, _ left: Weight, _ right: Weight, isIdentical: Bool,
      values: ValueDifference? = nil
    ) {
      self.name = name
      first = (left.storedType, left.shape)
      second = (right.storedType, right.shape)
      self.isIdentical = isIdentical
      self.values = values
    }

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
  /// What is no tensor that can be read, of either: sparse, quantised, nested ones, texts. Nobody has compared it, so that two
  /// checkpoints with it are not called equal. Of a comparison of structure, what the other has not, by name and description.
  public var notCompared: [ExactName] = []
  /// What counts as equal: values of whatever type that lie so near each other, or, if it is nil, the same bytes of the same type.
  public var tolerance: Tolerance?
  /// True if only names, types and shapes were compared.
  public private(set) var isOfStructure = false

  /// Compares names, types and shapes, in the order of the first graph. Reads no data.
  public init(structureOf first: WeightGraph, _ second: WeightGraph) {
    isOfStructure = true
    notCompared = Self.notCompared(first, second, ofStructure: true)
    missing = first.weights.keys.filter { second.weights[$0] == nil }
    extra = second.weights.keys.filter { first.weights[$0] == nil }
    for (name, left) in first.weights {
      guard let right = second.weights[name] else { continue }
      entries.append(
        Entry(
          name: name, left, right, isIdentical: left.hasType(of: right) && left.shape == right.shape
        ))
    }
  }

  /// True if an entry counts as different.
  public func isDifferent(_ entry: Entry) -> Bool {
    if entry.isIdentical { return false }
    if entry.hasOtherShape { return true }
    guard tolerance != nil, let values = entry.values else { return true }
    return values.beyondTolerance > 0
  }

  /// True if both checkpoints hold the same names with the same weights, within the tolerance, and nothing else.
  public var isEqual: Bool {
    missing.isEmpty && extra.isEmpty && notCompared.isEmpty && !entries.contains(where: isDifferent)
  }

  /// What two checkpoints hold that is no tensor, and is in the state of a model all the same.
  ///
  /// - Parameter ofStructure: True for what only one of them has, by name and description.
  static func notCompared(
    _ first: WeightGraph, _ second: WeightGraph, ofStructure: Bool
  ) -> [ExactName] {
    func others(_ graph: WeightGraph) -> [OtherObject] {
      graph.facts.others.filter { !$0.isOutsideState }
    }
    let (left, right) = (others(first), others(second))
    let both = ofStructure ? Set(left).intersection(right) : []
    let found: OrderedSet<ExactName> = OrderedSet(
      (left + right).filter { !both.contains($0) }.map(\.name))
    return Array(found)
  }
}
