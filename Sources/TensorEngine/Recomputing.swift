public import CheckpointBytes

/// What a closure makes of a tensor, which remembers the tensor alone: on the way back the closure is run again, for the derivative's
/// sake (`torch.utils.checkpoint`, 2.13). What is computed, and every gradient, has the same bits as without.
///
///     hidden = try recomputing(hidden, in: context) { try layer($0) }
///
/// The closure gives the same result each time that it is called, from the tensor that it is given and from parameters: other tensors
/// that need gradients must not go into it.
public func recomputing(
  _ input: Tensor, in context: ExecutionContext,
  _ body: @escaping @Sendable (Tensor) throws(CheckpointError) -> Tensor
) throws(CheckpointError) -> Tensor {
  try body(input).recomputed(from: input, in: context, by: body)
}

extension Tensor {
  /// The tensor, made from another by what a closure does, as the result of that closure alone: what lay in between is forgotten.
  package func recomputed(
    from input: Tensor, in context: ExecutionContext,
    by body: @escaping @Sendable (Tensor) throws(CheckpointError) -> Tensor
  ) -> Tensor {
    guard isLearning else { return self }
    return recorded(
      "recomputing", [GradientInput(input)],
      RecomputingDerivative(input: input.detached, learns: input.requiresGradient, body: body),
      in: context)
  }
}

/// The derivative of what the closure does is found by doing it again.
private struct RecomputingDerivative: Derivative {
  let input: Tensor
  let learns: Bool
  let body: @Sendable (Tensor) throws(CheckpointError) -> Tensor

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    try GradientRecording.with(GradientRecording.$isOn, true) { () throws(CheckpointError) in
      let start = learns ? input.requiringGradient(in: context) : input
      let (node, upstream) = try body(start).startOfWalk(gradient, "recomputing")
      return [try node.walk(from: upstream, beside: start.node)]
    }
  }
}
