public import CheckpointBytes
internal import OrderedCollections
public import TensorValues
internal import WeightGraph

/// What a model computes beside what was recorded, in order of computation.
public struct VerificationReport: Sendable {
  /// One output that was computed.
  public struct Output: Sendable {
    /// The name.
    public var name: ExactName
    /// The extents.
    public var shape: Shape
    /// The values in row-major order.
    public var values: [Float]

    /// Makes an output of its parts.
    public init(name: ExactName, shape: Shape, values: [Float]) {
      self.name = name
      self.shape = shape
      self.values = values
    }

    /// Makes an output of extents, one for each dimension.
    ///
    /// - Throws: `inconsistent` for extents that do not give as many elements as there are values.
    public init(
      _ name: ExactName, _ dimensions: [Int], _ values: [Float]
    ) throws(CheckpointError) {
      guard let shape = Shape(dimensions), shape.elementCount == values.count else {
        throw CheckpointError(
          .inconsistent, tensor: name.string,
          "expected as many values as extents \(dimensions) give, found \(values.count)")
      }
      self.init(name: name, shape: shape, values: values)
    }
  }

  /// What counts as equal.
  public let criteria: VerificationCriteria
  /// The outputs that both have, in order of computation.
  public private(set) var entries: [TensorDifference] = []
  /// Outputs that were recorded and not computed.
  public private(set) var missing: [ExactName] = []
  /// Outputs that were computed and not recorded.
  public private(set) var extra: [ExactName] = []
  private let modules: ModuleNames?

  /// Compares what was computed with what was recorded. Recorded values are read one tensor at a time.
  ///
  /// - Throws: What reading the record throws.
  public init(
    computed: [Output], golden: GoldenRecord, criteria: VerificationCriteria
  ) throws(CheckpointError) {
    try self.init(computed: computed, golden: golden, criteria: criteria, modules: nil)
  }

  init(
    computed: [Output], golden: GoldenRecord, criteria: VerificationCriteria, modules: ModuleNames?
  ) throws(CheckpointError) {
    self.modules = modules
    self.criteria = criteria
    let mask = try golden.paddingMask()
    let places = Dictionary(
      computed.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { a, _ in a })
    for (name, weight) in golden.outputs {
      guard let place = places[name] else {
        if !criteria.comparesOnlyComputed { missing.append(name) }
        continue
      }
      entries.append(
        TensorDifference(
          name: name, found: computed[place].values, foundShape: computed[place].shape,
          expected: try golden.values(of: name), shape: weight.shape, recordedType: weight.dtype,
          tolerance: criteria.tolerance(of: name), mismatchShare: criteria.mismatchShare,
          padding: mask, positions: criteria.positions))
    }
    extra = computed.map(\.name).filter { golden.outputs[$0] == nil }
    // Where the record does not state the order, names tell it; a head's outputs come as the model gives them.
    let order = Dictionary(
      golden.origin.order.enumerated().map { ($0.element, $0.offset) },
      uniquingKeysWith: { a, _ in a })
    func key(_ entry: TensorDifference) -> (Int, OutputStage, Int) {
      (order[entry.name] ?? order.count, OutputStage(of: entry.name), places[entry.name] ?? 0)
    }
    entries.sort { key($0) < key($1) }
  }

  /// The first output, in order of computation, that differs.
  public var firstDivergence: TensorDifference? { entries.first(where: \.isDifferent) }

  /// The part of the model that an output is the result of, in the words of its weights' names: `encoder.layer.1`; nil for
  /// a head, or where neither the model nor the output's own name tells it.
  public func module(of entry: TensorDifference) -> String? {
    let stage = OutputStage(of: entry.name)
    if case .module(let name) = stage { return name }
    return modules?.module(of: stage)
  }

  /// The module within which a fault must lie: its result is the first that differs, and what it was given is equal; nil if
  /// that is not known.
  public var faultyModule: String? {
    guard let first = firstDivergence, case .module(let name) = OutputStage(of: first.name),
      first.name.string.dropFirst(name.count).hasPrefix(":output")
    else { return nil }
    let given = entries.filter { $0.name.string.hasPrefix(name + ":input") }
    return given.isEmpty || given.contains(where: \.isDifferent) ? nil : name
  }

  /// The outputs that differ, in order of computation.
  public var different: [TensorDifference] { entries.filter(\.isDifferent) }

  /// True if everything that was recorded was computed, nothing else was, and all of it lies within the tolerance.
  public var isEqual: Bool { missing.isEmpty && extra.isEmpty && firstDivergence == nil }
}
