public import CheckpointBytes

/// Whether operators remember how their results were made.
enum GradientRecording {
  @TaskLocal static var isOn = true
  /// Whether a walk adds to the gradients of parameters.
  @TaskLocal static var reachesParameters = true

  /// Runs a closure with another value of one of these.
  static func with<Result, Failure: Error>(
    _ setting: TaskLocal<Bool>, _ value: Bool, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let outcome = setting.withValue(value) { () -> Swift.Result<Result, Failure> in
      do throws(Failure) {
        return .success(try body())
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }
}

/// Runs a closure whose operators remember nothing, whatever needs gradients: as for evaluation between steps of training.
///
/// It holds for the closure and for the task that runs it alone.
public func withoutGradients<Result, Failure: Error>(
  _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  try GradientRecording.with(GradientRecording.$isOn, false, body)
}

extension Tensor {
  /// The same numbers, as something that gradients are asked for (``gradients(of:from:for:)``), though it was made of none that
  /// need them: an input that is to be explained.
  public func requiringGradient(in context: ExecutionContext) -> Tensor {
    remembering(GradientNode("requiringGradient", [], GivenDerivative(), in: context))
  }

  /// Whether what is computed from the tensor now is recorded.
  var isLearning: Bool { node != nil && GradientRecording.isOn }

  /// The tensor as the result of an operator, which remembers how it was made if one of the inputs needs a gradient.
  func recorded<Made: Derivative>(
    _ operation: String, from first: Tensor, and second: Tensor? = nil,
    _ derivative: @autoclosure () -> Made, in context: ExecutionContext
  ) -> Tensor {
    guard first.node != nil || second?.node != nil, GradientRecording.isOn else { return self }
    return recorded(
      operation, [GradientInput(first)] + (second == nil ? [] : [GradientInput(second)]),
      derivative(), in: context)
  }
}

extension Tensor {
  /// The tensor as the result of an operator of one's own, which gradients go through: it remembers how it was made if one of the inputs
  /// needs a gradient.
  ///
  ///     func doubled(_ input: Tensor, in context: ExecutionContext) throws(CheckpointError) -> Tensor {
  ///       try Tensor(rows: input.rows, columns: input.columns, input.values.map { 2 * $0 })
  ///         .recorded(as: "doubled", from: [input], in: context) { Doubling() }
  ///     }
  ///
  /// - Parameters:
  ///   - operation: What errors call it.
  ///   - inputs: What it was computed from, in the order of the derivative's gradients. A gradient of another shape, or another number of
  ///     them, is an error of the walk (`mismatch`).
  ///   - context: What the derivative runs on.
  ///   - derivative: What is remembered; made only if it is needed.
  public func recorded<Made: Derivative>(
    as operation: String, from inputs: [Tensor], in context: ExecutionContext,
    derivative: () -> Made
  ) -> Tensor {
    guard inputs.contains(where: { $0.node != nil }), GradientRecording.isOn else { return self }
    let made = ForeignDerivative(
      operation: operation, shapes: inputs.map { ($0.rows, $0.columns) }, derivative: derivative())
    return recorded(operation, inputs.map { GradientInput($0) }, made, in: context)
  }
}

/// A derivative that is not the engine's: what it gives is looked at.
private struct ForeignDerivative<Made: Derivative>: Derivative {
  let operation: String
  let shapes: [(rows: Int, columns: Int)]
  let derivative: Made

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let found = try derivative.gradients(gradient, in: context)
    try expect(found.count, equals: shapes.count, operation, "derivative", "gradients")
    for (place, (tensor, shape)) in zip(found, shapes).enumerated() {
      guard let tensor else { continue }
      try expect(tensor.rows, equals: shape.rows, operation, "gradients[\(place)]", "rows")
      try expect(tensor.columns, equals: shape.columns, operation, "gradients[\(place)]", "columns")
    }
    // The gradient of a gradient is not to be had.
    return found.map { $0?.detached }
  }
}

/// The gradients of a tensor with respect to others that it was computed from, without adding anything to those of parameters.
///
///     let x = try embeddings.requiringGradient(in: context)
///     let slope = try gradients(of: score(x), for: [x])[0]
///
/// The graph behind the tensor is walked and freed, as by ``Tensor/backward()``.
/// - Parameters:
///   - output: A single number, unless its gradient is given.
///   - gradient: The gradient of something computed from the output, of its shape; 1 if nil.
///   - inputs: Tensors that remember how they were made, results in between or given by ``Tensor/requiringGradient(in:)``.
/// - Returns: For each input its gradient, of its shape; nil if the output does not depend on it.
/// - Throws: `inconsistent` for an input that needs no gradient; what ``Tensor/backward(from:)`` throws.
public func gradients(
  of output: Tensor, from gradient: Tensor? = nil, for inputs: [Tensor]
) throws(CheckpointError) -> [Tensor?] {
  let nodes = try inputs.enumerated().map { (place, input) throws(CheckpointError) in
    guard let node = input.node else {
      throw CheckpointError(
        .inconsistent, "gradients", "inputs[\(place)]", "nothing of it is recorded")
    }
    return node
  }
  let (node, upstream) = try output.startOfWalk(gradient, "gradients")
  return try node.walk(from: upstream, for: nodes)
}

private struct GivenDerivative: Derivative {
  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] { [] }
}
