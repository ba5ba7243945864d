internal import CheckpointBytes
internal import LanguageModels
public import TensorEngine

/// What a text's vector goes through after pooling, by the names of sentence-transformers' modules (6.2).
public enum SentenceLayer: Sendable, Hashable {
  /// `Normalize`: the length becomes 1.
  case normalize
  /// `LayerNorm`, with an epsilon of 1e-5: weight and bias, a number for each column.
  case layerNorm(weight: [Float], bias: [Float])
  /// `Dense`.
  case dense(Dense)

  /// True if it has weights of its own.
  var hasWeights: Bool { self != .normalize }

  /// `Dense`: activation(x · W + b), and the vector itself added to it if it has a residual connection.
  public struct Dense: Sendable, Hashable {
    /// `[outputs, inputs]`, row by row.
    public var weight: [Float]
    /// A number for each output; nil for none.
    public var bias: [Float]?
    /// The numbers that come in.
    public var inputs: Int
    /// The numbers that go out.
    public var outputs: Int
    /// What is applied to each number.
    public var activation: Activation
    /// What is added in the end.
    public var residual: Residual

    /// What is added to the result.
    public enum Residual: Sendable, Hashable {
      /// Nothing.
      case none
      /// The vector as it came in; there must be as many outputs as inputs.
      case identity
      /// The vector times a matrix, `[outputs, inputs]`.
      case projected([Float])
    }

    /// Puts a layer together.
    public init(
      weight: [Float], bias: [Float]? = nil, inputs: Int, outputs: Int,
      activation: Activation = .tanh, residual: Residual = .none
    ) {
      self.weight = weight
      self.bias = bias
      self.inputs = inputs
      self.outputs = outputs
      self.activation = activation
      self.residual = residual
    }
  }
}

/// A layer that is ready to run.
enum PackedSentenceLayer: Sendable {
  case normalize
  case norm(LayerNormWeights)
  case dense(LinearWeights, Activation, addsInput: Bool, projection: LinearWeights?)

  /// Throws `mismatch` unless the layer takes vectors of a width.
  ///
  /// - Parameter width: The numbers of a vector; becomes that of the result.
  init(
    _ layer: SentenceLayer, width: inout Int, in context: ExecutionContext
  ) throws(CheckpointError) {
    func expect(_ count: Int) throws(CheckpointError) {
      guard width == count else {
        throw CheckpointError(
          .mismatch, CheckpointError.Site(field: layer.name),
          "takes \(count) numbers, what comes in has \(width)")
      }
    }
    switch layer {
    case .normalize: self = .normalize
    case .layerNorm(let weight, let bias):
      try expect(weight.count)
      self = .norm(
        try LayerNormWeights(
          weight: Tensor(rows: 1, columns: weight.count, weight),
          bias: Tensor(rows: 1, columns: bias.count, bias), epsilon: 1e-5))
    case .dense(let dense):
      try expect(dense.inputs)
      func pack(_ values: [Float], _ bias: [Float]?) throws(CheckpointError) -> LinearWeights {
        try LinearWeights(
          PackedMatrix(
            outputs: dense.outputs, inputs: dense.inputs, values, in: context),
          bias: bias.map { (bias) throws(CheckpointError) in
            try Tensor(rows: 1, columns: bias.count, bias)
          })
      }
      let weights = try pack(dense.weight, dense.bias)
      var projection: LinearWeights?
      switch dense.residual {
      case .none: break
      case .identity: try expect(dense.outputs)
      case .projected(let values):
        projection = try pack(values, nil)
      }
      // The numbers themselves stay behind: they are packed.
      self = .dense(
        weights, dense.activation, addsInput: dense.residual == .identity, projection: projection)
      width = dense.outputs
    }
  }

  /// The vectors, one a row, after the layer.
  func callAsFunction(
    _ vectors: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> Tensor {
    switch self {
    case .normalize: return try Self.normalized(vectors)
    case .norm(let weights): return try layerNorm(vectors, weights, in: context)
    case .dense(let weights, let activation, let addsInput, let projection):
      var added = addsInput ? vectors : nil
      if let projection { added = try linear(vectors, projection, in: context) }
      return try linear(vectors, weights, activation: activation, adding: added, in: context)
    }
  }

  /// `torch.nn.functional.normalize` of each row.
  static func normalized(_ vectors: Tensor) throws(CheckpointError) -> Tensor {
    var values = vectors.values
    for row in 0..<vectors.rows {
      let place = row * vectors.columns..<(row + 1) * vectors.columns
      let squares = values[place].reduce(0) { $0 + Double($1) * Double($1) }
      let length = max(squares.squareRoot(), 1e-12)
      for index in place { values[index] = Float(Double(values[index]) / length) }
    }
    return try Tensor(rows: vectors.rows, columns: vectors.columns, values)
  }
}

extension PackedSentenceLayer {
  /// Each vector with so many of its numbers, those farthest from 0, of equal ones the first; the others become 0
  /// (`select_max_active_dims`).
  static func strongest(_ count: Int, of vectors: Tensor) throws(CheckpointError) -> Tensor {
    let (columns, values) = (vectors.columns, vectors.values)
    guard count < columns else { return vectors }
    var kept = [Float](repeating: 0, count: values.count)
    for row in 0..<vectors.rows {
      let place = row * columns..<(row + 1) * columns
      for column in largestPlaces(count, of: values[place].map(\.magnitude)) {
        kept[place.lowerBound + column] = values[place.lowerBound + column]
      }
    }
    return try Tensor(rows: vectors.rows, columns: columns, kept)
  }
}

extension SentenceLayer {
  fileprivate var name: String {
    switch self {
    case .normalize: "Normalize"
    case .layerNorm: "LayerNorm"
    case .dense: "Dense"
    }
  }
}
