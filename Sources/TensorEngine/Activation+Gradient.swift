internal import CheckpointBytes

/// gradient ⊙ activation'(argument).
struct ActivationDerivative: Derivative {
  let argument: Tensor
  let activation: Activation

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    [try activationGradient(gradient, argument, activation, in: context)]
  }
}
