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

  /// Puts a weight and a bias together. Throws a mismatch unless the bias has one row of `matrix.outputs` numbers.
  ///
  /// Nothing else is kept: this is how a model is loaded that does not learn.
  public init(_ matrix: PackedMatrix, bias: Tensor? = nil) throws(EngineError) {
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
  /// They are packed when a product first needs them, and again when a value was replaced. Throws a mismatch if the shapes do not
  /// fit, or the weights are stored in different types.
  public init(
    _ weights: [Parameter], biases: [Parameter] = [],
    layout: PackedMatrix.Layout = .outputByInput
  ) throws(EngineError) {
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

  /// The parameters, if one of them requires a gradient.
  var recorded: ParameterWeights? {
    guard case .parameters(let parameters) = source, parameters.requireGradient else { return nil }
    return parameters
  }

  /// The packed weight and the bias, as they are now.
  func packed(in context: ExecutionContext) throws(EngineError) -> PackedWeights {
    switch source {
    case .packed(let matrix, let bias): PackedWeights(matrix: matrix, bias: bias)
    case .parameters(let parameters): try parameters.packed(in: context)
    }
  }

  /// The packed weight, for lookups in embeddings that are the output matrix too.
  public func matrix(in context: ExecutionContext) throws(EngineError) -> PackedMatrix {
    try packed(in: context).matrix
  }
}

/// What one product reads.
struct PackedWeights {
  let matrix: PackedMatrix
  let bias: Tensor?
}

/// Parameters as the weights of one linear layer, and what has been packed of them.
final class ParameterWeights: Sendable {
  private struct Cache {
    let values: [StoredMatrix]
    let packing: Packing
    let packed: PackedWeights
  }

  let weights: [Parameter]
  let biases: [Parameter]
  let layout: PackedMatrix.Layout
  let inputs: Int
  let outputs: Int
  private let element: StoredElement
  private let cache = Mutex<Cache?>(nil)

  init(
    _ weights: [Parameter], _ biases: [Parameter], _ layout: PackedMatrix.Layout
  ) throws(EngineError) {
    let name = "LinearWeights"
    guard let first = weights.first else {
      throw EngineError(.mismatch, name, "weights", "expected at least one, found none")
    }
    inputs = layout.inputs(of: first)
    element = first.element
    var outputs = 0
    for weight in weights {
      try expect(layout.inputs(of: weight), equals: inputs, name, weight.name, "inputs")
      guard weight.element == element else {
        throw EngineError(
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
    self.biases = biases
    self.layout = layout
    self.outputs = outputs
  }

  var requireGradient: Bool { (weights + biases).contains { $0.requiresGradient } }

  func packed(in context: ExecutionContext) throws(EngineError) -> PackedWeights {
    let values = (weights + biases).map(\.values)
    let packing = Packing(element, for: context.kernels)
    let known = cache.withLock { $0 }
    if let known, known.packing == packing,
      known.values.elementsEqual(values, by: { $0.storage === $1.storage })
    {
      return known.packed
    }
    let matrix = try PackedMatrix(outputs: outputs, inputs: inputs, element: element, in: context)
    var start = 0
    for (weight, values) in zip(weights, values) {
      let end = start + layout.outputs(of: weight)
      unsafe matrix.pack(
        values.pointer(row: 0), stride: values.columns, start..<end, layout, in: context)
      extendLifetime(values)
      start = end
    }
    var bias: [Float] = []
    for values in values.dropFirst(weights.count) {
      bias += try values.tensor(in: context).values
    }
    let packed = PackedWeights(
      matrix: matrix,
      bias: biases.isEmpty ? nil : try Tensor(rows: 1, columns: outputs, bias))
    cache.withLock { $0 = Cache(values: values, packing: packing, packed: packed) }
    return packed
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
