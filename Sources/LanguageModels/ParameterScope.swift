internal import CheckpointBytes
internal import OrderedCollections
internal import Synchronization
internal import TensorEngine
internal import TensorValues
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
    let weights = try scopes.map { (scope) throws(CheckpointError) in try scope.weight("weight") }
    let bias: Tensor? = scopes[0].has("bias") ? try joinedRow(scopes, "bias") : nil
    let joined = try transformed { () throws(TransformError) in
      try Weight.concatenated(weights, axis: 0)
    }
    return try packed(joined, .outputByInput, bias: bias)
  }

  /// `weight` `[in, out]` and `bias`: Transformers' `Conv1D`.
  func convolution() throws(CheckpointError) -> LinearWeights {
    try packed(try weight("weight"), .inputByOutput, bias: try row("bias"))
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
    let weight = try weight("weight")
    let values = try floats(weight, "weight")
    return try engine { () throws(EngineError) in
      try Tensor(
        rows: weight.shape.dimensions[0], columns: weight.shape.dimensions[1], values)
    }
  }

  private func joinedRow(
    _ scopes: [ParameterScope], _ part: String
  ) throws(CheckpointError) -> Tensor {
    var values: [Float] = []
    for scope in scopes { values += try scope.floats(scope.weight(part), part) }
    return try engine { () throws(EngineError) in
      try Tensor(rows: 1, columns: values.count, values)
    }
  }

  private func row(_ part: String) throws(CheckpointError) -> Tensor {
    try joinedRow([self], part)
  }

  private func packed(
    _ weight: Weight, _ layout: PackedMatrix.Layout, bias: Tensor?
  ) throws(CheckpointError) -> LinearWeights {
    let values = try floats(weight, "weight")
    let extents = weight.shape.dimensions
    let isOutputFirst = layout == .outputByInput
    return try engine { () throws(EngineError) in
      try LinearWeights(
        PackedMatrix(
          outputs: extents[isOutputFirst ? 0 : 1], inputs: extents[isOutputFirst ? 1 : 0],
          layout: layout, values, in: source.context),
        bias: bias)
    }
  }

  /// A parameter as float32, whatever it is stored as.
  private func weight(_ part: String) throws(CheckpointError) -> Weight {
    let name = ExactName(self[part].name)
    guard let weight = source.graph.weights[name] else {
      throw CheckpointError(
        .notFound, CheckpointError.Site(), tensor: name.string, "the model has no such parameter")
    }
    return try transformed(part) { () throws(TransformError) in try weight.cast(to: .f32) }
  }

  private func transformed(
    _ part: String = "weight", _ body: () throws(TransformError) -> Weight
  ) throws(CheckpointError) -> Weight {
    do {
      return try body()
    } catch {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(), tensor: self[part].name, error.description)
    }
  }
}

extension ParameterScope {
  /// Numbers of a piece: large enough to be worth the way to another thread, small enough to stay in its cache.
  private static let pieceSize = 1 << 17

  /// All elements of a float32 weight, read and converted in pieces by all threads.
  private func floats(_ weight: Weight, _ part: String) throws(CheckpointError) -> [Float] {
    let count = weight.shape.elementCount
    let failure = Mutex<CheckpointError?>(nil)
    let values = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      // Every piece writes a part of its own.
      nonisolated(unsafe) let target = UnsafeMutableRawBufferPointer(buffer)
      let pieces = (count + Self.pieceSize - 1) / Self.pieceSize
      source.context.pool.run(pieces) { piece, _ in
        let first = piece * Self.pieceSize
        let end = min(count, first + Self.pieceSize)
        do throws(CheckpointError) {
          let bytes = unsafe UnsafeMutableRawBufferPointer(
            rebasing: target[(first * 4)..<(end * 4)])
          try unsafe weight.read(at: first * 4, into: bytes)
          try unsafe check(UnsafeRawBufferPointer(bytes), from: first)
        } catch {
          failure.withLock { $0 = $0 ?? error }
        }
      }
      initialized = failure.withLock { $0 == nil } ? count : 0
    }
    if let error = failure.withLock({ $0 }) { throw error.about(ExactName(self[part].name)) }
    return values
  }

  /// Refuses a number that is none, if that is asked for.
  private func check(
    _ bytes: UnsafeRawBufferPointer, from first: Int
  ) throws(CheckpointError) {
    guard source.nonFinite == .refused else { return }
    for index in 0..<(bytes.count / 4) {
      let value = unsafe bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
      guard !value.isFinite else { continue }
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(), "element \(first + index) is \(value)")
    }
  }
}
