internal import CheckpointBytes

/// gradient ⊙ activation'(argument).
struct ActivationDerivative: RepeatableDerivative {
  let argument: Tensor
  let activation: Activation

  var isRepeatable: Bool { true }

  func result(in context: ExecutionContext) throws(CheckpointError) -> Tensor {
    try activate(argument, activation, in: context)
  }

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    [try activationGradient(gradient, argument, activation, in: context)]
  }
}
