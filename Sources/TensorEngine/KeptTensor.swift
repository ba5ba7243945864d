internal import CheckpointBytes

/// A derivative that makes its operator's result again, with the same bits, from what it remembers anyway.
///
/// For operators that take little time beside the products that their results go into. Who needs such a result on the way back need not
/// keep it: of a layer of a transformer that is more than a third of all that would be kept.
protocol RepeatableDerivative: Derivative {
  /// Whether it remembers enough.
  var isRepeatable: Bool { get }

  /// The result of the operator.
  func result(in context: ExecutionContext) throws(CheckpointError) -> Tensor
}

/// A tensor for the way back: itself, or what it is made from again.
struct KeptTensor: Sendable {
  private enum Form: Sendable {
    case stored(Tensor)
    case repeated(any RepeatableDerivative, ExecutionContext)
  }

  private let form: Form

  init(_ tensor: Tensor) {
    if let node = tensor.node, let derivative = node.repeatable {
      form = .repeated(derivative, node.context)
    } else {
      form = .stored(tensor.detached)
    }
  }

  func tensor() throws(CheckpointError) -> Tensor {
    switch form {
    case .stored(let tensor): return tensor
    case .repeated(let derivative, let context): return try derivative.result(in: context)
    }
  }
}
