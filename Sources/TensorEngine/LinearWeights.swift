public import CheckpointBytes
internal import Synchronization

/// What a linear layer reads: a packed weight and a bias, given as such, or made from parameters when they are first needed.
public struct LinearWeights: Sendable {
  private enum Source {
    case packed(PackedMatrix, bias: Tensor?)
    case parameters(ParameterWeights)
  }

  /// The length of a row that goes in.
  public let inputs: Int
  /// The length of a row that comes out.
  public let outputs: Int
  private let source: Source
  /// What is added to products with these weights.
  public private(set) var lowRanks: [LowRank] = []

  /// Puts a weight and a bias together. Throws a mismatch unless the bias has one row of `matrix.outputs` numbers.
  ///
  /// Nothing else is kept: this is how a model is loaded that does not learn.
  public init(_ matrix: PackedMatrix, bias: Tensor? = nil) throws(CheckpointError) {
    if let bias {
      try expect(bias.rows, equals: 1, "LinearWeights", "bias", "row")
      try expect(bias.columns, equals: matrix.outputs, "LinearWeights", "bias", "columns")
      try bias.refuseGradient("LinearWeights", "bias")
    }
    inputs = matrix.inputs
    outputs = matrix.outputs
    source = .packed(matrix, bias: bias)
  }

  /// Weights of parameters, the outputs of several side by side (queries, keys and values), and a bias for each weight or none.
  ///
  /// They are packed when a product first needs them, and again when a value was replaced. Parameters that lie packed already, as
  /// this layer reads them, are not packed again. Throws a mismatch if the shapes do not fit, or the weights are stored in
  /// different types.
  public init(
    _ weights: [Parameter], biases: [Parameter] = [],
    layout: PackedMatrix.Layout = .outputByInput
  ) throws(CheckpointError) {
    let parameters = try ParameterWeights(weights, biases, layout)
    inputs = parameters.inputs
    outputs = parameters.outputs
    source = .parameters(parameters)
  }

  /// The parameters that these weights are made from, weights first; none if they were given packed.
  public var parameters: [Parameter] {
    switch source {
    case .packed: []
    case .parameters(let parameters): parameters.weights + parameters.biases
    }
  }

  /// The same weights with low-rank updates, beside those that there are.
  ///
  /// - Throws: a mismatch for one of other inputs, or of outputs that the layer does not have.
  public func adding(_ updates: [LowRank]) throws(CheckpointError) -> LinearWeights {
    for update in updates {
      try expect(update.down.inputs, equals: inputs, "LinearWeights", "down", "columns")
      guard update.outputs.upperBound <= outputs else {
        throw CheckpointError(
          .mismatch, "LinearWeights", "up",
          "expected outputs within 0..<\(outputs), found \(update.outputs)")
      }
    }
    var weights = self
    weights.lowRanks += updates
    return weights
  }

  /// The same weights with a choice of what each low-rank update leaves out of its inputs.
  package func droppingInputs(
    _ choice: (LowRank) throws(CheckpointError) -> Dropout?
  ) throws(CheckpointError) -> LinearWeights {
    var weights = self
    for place in weights.lowRanks.indices {
      weights.lowRanks[place].dropout = try choice(weights.lowRanks[place])
    }
    return weights
  }

  /// The weights without what is added to them.
  var alone: LinearWeights {
    var weights = self
    weights.lowRanks = []
    return weights
  }

  /// What the weights are stored as.
  package var element: StoredElement {
    switch source {
    case .packed(let matrix, _): matrix.element
    case .parameters(let parameters): parameters.element
    }
  }

  /// The parameters, if one of them requires a gradient.
  var recorded: ParameterWeights? {
    guard case .parameters(let parameters) = source, parameters.requireGradient,
      GradientRecording.isOn
    else { return nil }
    return parameters
  }

  /// The weights and the bias, if all weights stay where they are stored.
  var distant: (matrix: DistantWeights, bias: ParameterRow)? {
    guard case .parameters(let parameters) = source, let matrix = parameters.distant else {
      return nil
    }
    return (matrix, parameters.bias)
  }

  /// The packed weight and the bias, as they are now.
  func packed(in context: ExecutionContext) throws(CheckpointError) -> PackedWeights {
    switch source {
    case .packed(let matrix, let bias): PackedWeights(matrix: matrix, bias: bias)
    case .parameters(let parameters): try parameters.packed(in: context)
    }
  }

  /// The packed weight as it is now.
  package func matrix(in context: ExecutionContext) throws(CheckpointError) -> PackedMatrix {
    try packed(in: context).matrix
  }
}

/// What one product reads.
struct PackedWeights {
  let matrix: PackedMatrix
  let bias: Tensor?
  /// The weights as matrices of their own, where they are that too.
  var values: [StoredMatrix]?
}

/// Parameters as the weights of one linear layer, and what has been packed of them.
final class ParameterWeights: Sendable {
  private struct Cache {
    let revision: Int
    let matrix: PackedMatrix
  }

  let weights: [Parameter]
  let layout: PackedMatrix.Layout
  let inputs: Int
  let outputs: Int
  let element: StoredElement
  let bias: ParameterRow
  /// True if all weights stayed where they are stored, at first: a model asks for each product.
  private let wereDistant: Bool
  private let cache = Mutex<Cache?>(nil)

  init(
    _ weights: [Parameter], _ biases: [Parameter], _ layout: PackedMatrix.Layout
  ) throws(CheckpointError) {
    let name = "LinearWeights"
    guard let first = weights.first else {
      throw CheckpointError(.mismatch, name, "weights", "expected at least one, found none")
    }
    inputs = layout.inputs(of: first)
    element = first.element
    var outputs = 0
    for weight in weights {
      try expect(layout.inputs(of: weight), equals: inputs, name, weight.name, "inputs")
      guard weight.element == element else {
        throw CheckpointError(
          .mismatch, name, weight.name, "expected \(element), found \(weight.element)")
      }
      // Extents are far below what overflows, and parameters are objects that somebody made.
      outputs += layout.outputs(of: weight)
    }
    if !biases.isEmpty {
      try expect(biases.count, equals: weights.count, name, "biases", "biases")
      for (bias, weight) in zip(biases, weights) {
        try expect(bias.rows, equals: 1, name, bias.name, "row")
        try expect(bias.columns, equals: layout.outputs(of: weight), name, bias.name, "columns")
      }
    }
    self.weights = weights
    wereDistant = weights.allSatisfy { if case .distant = $0.contents { true } else { false } }
    bias = ParameterRow(biases)
    self.layout = layout
    self.outputs = outputs
  }

  var biases: [Parameter] { bias.parameters }

  var requireGradient: Bool {
    weights.contains { $0.requiresGradient } || biases.contains { $0.requiresGradient }
  }

  /// The weights where they are stored, if all of them stay there.
  var distant: DistantWeights? {
    guard wereDistant, layout == .outputByInput, !requireGradient else { return nil }
    var parts: [DistantValues] = []
    for weight in weights {
      guard case .distant(let values) = weight.contents else { return nil }
      parts.append(values)
    }
    return DistantWeights(parts: parts, inputs: inputs, outputs: outputs, element: element)
  }

  func packed(in context: ExecutionContext) throws(CheckpointError) -> PackedWeights {
    PackedWeights(matrix: try matrix(in: context), bias: try bias.tensor(in: context))
  }

  /// The weights as matrices of their own; nil if some of them lie packed alone.
  var values: [StoredMatrix]? {
    var values: [StoredMatrix] = []
    for weight in weights {
      guard case .values(let matrix) = weight.contents else { return nil }
      values.append(matrix)
    }
    return values
  }

  private func matrix(in context: ExecutionContext) throws(CheckpointError) -> PackedMatrix {
    // Before the values: one that is replaced meanwhile makes the next call look again.
    let revision = weights.revision
    let packing = Packing(element, for: context.kernels)
    if let known = cache.withLock({ $0 }), known.revision == revision,
      known.matrix.packing == packing
    {
      return known.matrix
    }
    let contents = weights.map(\.contents)
    let matrix =
      if let whole = whole(contents), whole.packing == packing {
        whole
      } else { try packed(contents, in: context) }
    cache.withLock { $0 = Cache(revision: revision, matrix: matrix) }
    return matrix
  }

  /// The matrix that the weights lie in already, one after the other and nothing else; nil if there is none such.
  private func whole(_ contents: [ParameterContents]) -> PackedMatrix? {
    var matrix: PackedMatrix?
    var start = 0
    for contents in contents {
      guard case .packed(let part) = contents, part.layout == layout,
        part.outputs.lowerBound == start, matrix?.storage === part.matrix.storage || matrix == nil
      else { return nil }
      start = part.outputs.upperBound
      matrix = part.matrix
    }
    return matrix?.outputs == start ? matrix : nil
  }

  private func packed(
    _ contents: [ParameterContents], in context: ExecutionContext
  ) throws(CheckpointError) -> PackedMatrix {
    // Weights that learn are packed again after each step, into memory that goes round.
    cache.withLock { $0 = nil }
    let matrix =
      weights.contains { $0.requiresGradient }
      ? try PackedMatrix(temporary: outputs, inputs: inputs, element: element, in: context)
      : try PackedMatrix(outputs: outputs, inputs: inputs, element: element, in: context)
    var start = 0
    for (weight, contents) in zip(weights, contents) {
      let end = start + layout.outputs(of: weight)
      if case .packed(let part) = contents, part.matrix.packing.hasScales {
        try matrix.copySteps(of: part, to: start..<end)
        start = end
        continue
      }
      let values = try contents.values()
      unsafe matrix.pack(
        values.pointer(row: 0), stride: values.columns, start..<end, layout, in: context)
      extendLifetime(values)
      start = end
    }
    return matrix
  }
}

extension PackedMatrix.Layout {
  fileprivate func inputs(of weight: Parameter) -> Int {
    self == .outputByInput ? weight.columns : weight.rows
  }

  func outputs(of weight: Parameter) -> Int {
    self == .outputByInput ? weight.rows : weight.columns
  }
}
