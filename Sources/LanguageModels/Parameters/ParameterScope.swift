internal import CheckpointBytes
internal import OrderedCollections
internal import TensorEngine
internal import TensorValues
internal import WeightGraph

/// Where parameters come from.
struct ParameterSource: Sendable {
  let graph: WeightGraph
  let context: ExecutionContext
  let nonFinite: LoadOptions.NonFinite
  let quantization: LoadedQuantization
  let collector: ParameterCollector
  /// True if parameters are kept in float32 and require gradients.
  let learns: Bool
  /// The share of the inputs of an adapter's factors that training leaves out.
  let adapterDropout: Float
  /// True if matrices that products and lookups can read where they are stored stay there.
  let staysInFile: Bool
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
    return try packed(scopes, .outputByInput, hasBias: scopes[0].has("bias"))
  }

  /// `weight` `[in, out]` and `bias`: Transformers' `Conv1D`.
  func convolution() throws(CheckpointError) -> LinearWeights {
    try packed([self], .inputByOutput, hasBias: true)
  }

  /// `weight` and `bias`, one row each.
  func norm(epsilon: Double) throws(CheckpointError) -> LayerNormWeights {
    let weight = try parameter("weight")
    let bias = try parameter("bias")
    return try LayerNormWeights(weight: weight, bias: bias, epsilon: Float(epsilon))
  }

  /// `weight`, to look rows up in: in the type that it is stored in, and in the place where it lies if the output matrix of a
  /// language model is the same weight and was there first.
  func table() throws(CheckpointError) -> Parameter {
    let name = self["weight"].name
    if let known = source.collector[name] { return known }
    let stored = try StoredParameter(name, in: source)
    return stored.canStay ? try stored.distantParameter() : try stored.parameter()
  }

  /// Takes a parameter that nothing is computed with, if it is there.
  func take(_ name: ExactName) throws(CheckpointError) {
    guard source.graph.weights[name] != nil else { return }
    _ = try StoredParameter(name.string, in: source, isAlone: true).parameter()
  }

  private func parameter(
    _ part: String, isAlone: Bool = false
  ) throws(CheckpointError) -> Parameter {
    let name = self[part].name
    if let known = source.collector[name] { return known }
    return try StoredParameter(name, in: source, isAlone: isAlone).parameter()
  }

  /// One matrix of the outputs of one or several weights on the same inputs.
  private func packed(
    _ scopes: [ParameterScope], _ layout: PackedMatrix.Layout, hasBias: Bool
  ) throws(CheckpointError) -> LinearWeights {
    let weights = try weights(scopes, layout)
    let biases =
      hasBias
      ? try scopes.map { (scope) throws(CheckpointError) in try scope.parameter("bias") } : []
    return try LinearWeights(weights, biases: biases, layout: layout)
      .adding(try lowRanks(scopes, weights, layout))
  }

  /// What an adapter adds to the weights of one layer, where it is computed beside their product.
  private func lowRanks(
    _ scopes: [ParameterScope], _ weights: [Parameter], _ layout: PackedMatrix.Layout
  ) throws(CheckpointError) -> [LowRank] {
    var start = 0
    var updates: [LowRank] = []
    for (scope, weight) in zip(scopes, weights) {
      if let update = scope.update(layout) {
        let factors = try [("lora_A", update.down), ("lora_B", update.up)].map {
          (part, factor) throws(CheckpointError) in
          try Parameter(
            scope[part]["weight"].name, source.learns ? try factor.cast(to: .f32) : factor,
            requiresGradient: source.learns)
        }
        source.collector.insert(factors, beside: scope["weight"].name)
        updates.append(
          try LowRank(
            down: factors[0], up: factors[1], scale: Float(update.scale), from: start,
            dropoutRate: source.adapterDropout))
      }
      start += layout == .outputByInput ? weight.rows : weight.columns
    }
    return updates
  }

  /// What an adapter adds to the weight, if that can be computed beside its product: what has magnitudes, and what is added to a table
  /// that is an output matrix as well, is merged.
  private func update(_ layout: PackedMatrix.Layout) -> LowRankUpdate? {
    let name = self["weight"].name
    guard let update = source.graph.weights[ExactName(name)]?.mergedParts?.update,
      update.magnitude == nil, update.isTransposed == (layout == .inputByOutput),
      update.down.shape.rank == 2
    else { return nil }
    return update
  }

  /// The weights of one layer, packed as they are read.
  private func weights(
    _ scopes: [ParameterScope], _ layout: PackedMatrix.Layout
  ) throws(CheckpointError) -> [Parameter] {
    let names = scopes.map { $0["weight"].name }
    guard Set(names.map(source.collector.canonical)).count == names.count,
      names.allSatisfy({ source.collector[$0] == nil })
    else {
      // One is another layer's weight too, and lies elsewhere: all are packed when they are needed.
      return try scopes.map { (scope) throws(CheckpointError) in
        try scope.parameter("weight", isAlone: scope.update(layout) != nil)
      }
    }
    var weights = try scopes.map { (scope) throws(CheckpointError) in
      try StoredParameter(
        scope["weight"].name, in: source, isAlone: scope.update(layout) != nil
      ).fitting(layout)
    }
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
        .mismatch, tensor: weight.name,
        "expected \(inputs) inputs, as \(quoted(weights[0].name)) has, found \(size.inputs)")
    }
    if layout == .outputByInput, weights.allSatisfy(\.canStay) {
      return try weights.map { (weight) throws(CheckpointError) in
        try weight.distantParameter()
      }
    }
    let matrix = try PackedMatrix(
      outputs: sizes.reduce(0) { $0 + $1.outputs }, inputs: inputs, element: element,
      in: source.context)
    let buffers = try PieceBuffers(in: source.context)
    var start = 0
    return try zip(weights, sizes).map { (weight, size) throws(CheckpointError) in
      let outputs = start..<start + size.outputs
      start = outputs.upperBound
      try weight.pack(into: matrix, outputs, layout, through: buffers)
      return weight.parameter(.packed(PackedPart(matrix, outputs, layout)))
    }
  }
}
