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
