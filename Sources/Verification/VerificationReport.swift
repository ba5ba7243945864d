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
  }

  /// What counts as equal.
  public let tolerance: Tolerance
  /// Which positions were compared.
  public let positions: ComparedPositions
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
    computed: [Output], golden: GoldenRecord, tolerance: Tolerance,
    positions: ComparedPositions = .all
  ) throws(CheckpointError) {
    try self.init(
      computed: computed, golden: golden, tolerance: tolerance, positions: positions, modules: nil)
  }

  init(
    computed: [Output], golden: GoldenRecord, tolerance: Tolerance, positions: ComparedPositions,
    modules: ModuleNames?
  ) throws(CheckpointError) {
    self.modules = modules
    self.tolerance = tolerance
    self.positions = positions
    let mask = try golden.paddingMask()
    let places = Dictionary(
      computed.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { a, _ in a })
    for (name, weight) in golden.outputs {
      guard let place = places[name] else {
        missing.append(name)
        continue
      }
      entries.append(
        TensorDifference(
          name: name, found: computed[place].values, foundShape: computed[place].shape,
          expected: try golden.values(of: name), shape: weight.shape, recordedType: weight.dtype,
          tolerance: tolerance, padding: mask, positions: positions))
    }
    extra = computed.map(\.name).filter { golden.outputs[$0] == nil }
    // The head's outputs come as the model gives them.
    func key(_ entry: TensorDifference) -> (OutputStage, Int) {
      (OutputStage(of: entry.name), places[entry.name] ?? 0)
    }
    entries.sort { key($0) < key($1) }
  }

  /// The first output, in order of computation, that differs.
  public var firstDivergence: TensorDifference? { entries.first(where: \.isDifferent) }

  /// The part of the model that an output is the result of, in the words of its weights' names: `encoder.layer.1`; nil for
  /// a head, or where the model is not known.
  public func module(of entry: TensorDifference) -> String? {
    modules?.module(of: OutputStage(of: entry.name))
  }

  /// The outputs that differ, in order of computation.
  public var different: [TensorDifference] { entries.filter(\.isDifferent) }

  /// True if everything that was recorded was computed, nothing else was, and all of it lies within the tolerance.
  public var isEqual: Bool { missing.isEmpty && extra.isEmpty && firstDivergence == nil }
}
