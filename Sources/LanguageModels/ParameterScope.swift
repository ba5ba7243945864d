internal import CheckpointBytes
internal import OrderedCollections
internal import TensorEngine
internal import WeightGraph

/// Where parameters come from.
struct ParameterSource {
  let graph: WeightGraph
  let aliases: [ExactName: ExactName]
  let context: ExecutionContext
  let nonFinite: LoadOptions.NonFinite
}

/// The parameters below one name: `bert["encoder"]["layer.0"]`. Model code reads like the checkpoint's names.
struct ParameterScope {
  let source: ParameterSource
  let name: String

  subscript(part: String) -> ParameterScope {
    ParameterScope(source: source, name: name.isEmpty ? part : name + "." + part)
  }

  subscript(index: Int) -> ParameterScope { self[String(index)] }

  /// True if the scope has a parameter of this name.
  func has(_ part: String) -> Bool { source.graph.weights[ExactName(self[part].name)] != nil }

  /// `weight` `[out, in]` and, if there is one, `bias`: PyTorch's `Linear`.
  func linear() throws(CheckpointError) -> LinearWeights {
    try linear(joining: [""])
  }

  /// Several `Linear`s on the same input as one, their outputs side by side.
  func linear(joining parts: [String]) throws(CheckpointError) -> LinearWeights {
    let scopes = parts.map { $0.isEmpty ? self : self[$0] }
    return try packed(
      try scopes.map { (scope) throws(CheckpointError) in try scope.stored("weight") },
      .outputByInput, bias: scopes[0].has("bias") ? try joinedRow(scopes, "bias") : nil)
  }

  /// `weight` `[in, out]` and `bias`: Transformers' `Conv1D`.
  func convolution() throws(CheckpointError) -> LinearWeights {
    try packed([try stored("weight")], .inputByOutput, bias: try row("bias"))
  }

  /// `weight` and `bias`, one row each.
  func norm(epsilon: Double) throws(CheckpointError) -> LayerNormWeights {
    let weight = try row("weight")
    let bias = try row("bias")
    return try engine { () throws(EngineError) in
      try LayerNormWeights(weight: weight, bias: bias, epsilon: Float(epsilon))
    }
  }

  /// `weight`, to look rows up in.
  func table() throws(CheckpointError) -> Tensor {
    let table = try storedTable()
    return try engine { () throws(EngineError) in try table.tensor(in: source.context) }
  }

  /// The same in the type that it is stored in, for large tables.
  func storedTable() throws(CheckpointError) -> StoredMatrix { try stored("weight").matrix() }

  private func joinedRow(
    _ scopes: [ParameterScope], _ part: String
  ) throws(CheckpointError) -> Tensor {
    var values: [Float] = []
    for scope in scopes {
      let row = try scope.stored(part).matrix()
      values += try engine { () throws(EngineError) in try row.tensor(in: source.context).values }
    }
    return try engine { () throws(EngineError) in
      try Tensor(rows: 1, columns: values.count, values)
    }
  }

  private func row(_ part: String) throws(CheckpointError) -> Tensor {
    try joinedRow([self], part)
  }

  /// One matrix of the outputs of one or several weights on the same inputs.
  private func packed(
    _ weights: [StoredParameter], _ layout: PackedMatrix.Layout, bias: Tensor?
  ) throws(CheckpointError) -> LinearWeights {
    var weights = weights
    if Set(weights.map(\.element)).count > 1 {
      weights = try weights.map { (weight) throws(CheckpointError) in try weight.widened() }
    }
    let sizes = try weights.map {
      (weight) throws(CheckpointError) -> (outputs: Int, inputs: Int) in
      let (rows, columns) = try weight.extents()
      return layout == .outputByInput ? (rows, columns) : (columns, rows)
    }
    let (element, inputs) = (weights[0].element, sizes[0].inputs)
    for (weight, size) in zip(weights, sizes) where size.inputs != inputs {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(), tensor: weight.name,
        "expected \(inputs) inputs, as \(quoted(weights[0].name)) has, found \(size.inputs)")
    }
    let (matrix, buffers) = try engine { () throws(EngineError) in
      (
        try PackedMatrix(
          outputs: sizes.reduce(0) { $0 + $1.outputs }, inputs: inputs, element: element,
          in: source.context), try PieceBuffers(in: source.context)
      )
    }
    var start = 0
    for (weight, size) in zip(weights, sizes) {
      try weight.pack(into: matrix, start..<start + size.outputs, layout, through: buffers)
      start += size.outputs
    }
    return try engine { () throws(EngineError) in try LinearWeights(matrix, bias: bias) }
  }

  private func stored(_ part: String) throws(CheckpointError) -> StoredParameter {
    try StoredParameter(self[part].name, in: source)
  }
}
