internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// The steps of a head with their weights.
struct HeadSteps: Sendable {
  private enum Step: Sendable {
    case linear(LinearWeights, Activation)
    case norm(LayerNormWeights)
  }

  private let steps: [Step]
  init<Family>(
    _ described: [HeadStep], _ parameters: ModelParameters<PretrainedConfig<Family>>
  ) throws(CheckpointError) {
    let configuration = parameters.configuration
    var steps: [Step] = []
    for step in described {
      switch step {
      case .linear(let name, _, let function, _):
        steps.append(
          .linear(try parameters[name].linear(), try configuration.activation(of: function)))
      case .norm(let name):
        steps.append(.norm(try parameters[name].norm(epsilon: configuration.layerNormEpsilon)))
      case .scores(let name, _):
        steps.append(.linear(try parameters[name].linear(), .identity))
      }
    }
    self.steps = steps
  }

  /// What the steps make of rows of states.
  func callAsFunction(
    _ rows: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> Tensor {
    var rows = rows
    for step in steps {
      switch step {
      case .linear(let weights, let activation):
        rows = try linear(rows, weights, activation: activation, in: context)
      case .norm(let weights): rows = try layerNorm(rows, weights, in: context)
      }
    }
    return rows
  }
}

extension PretrainedConfig {
  fileprivate func activation(
    of function: HeadStep.Function
  ) throws(CheckpointError) -> Activation {
    switch function {
    case .none: return .identity
    case .tanh: return .tanh
    case .relu: return .relu
    case .gelu: return .gelu
    case .configured: return try bodyActivation()
    case .summary:
      guard let summaryActivation else { return .identity }
      return try Self.activation(summaryActivation, key: "summary_activation")
    }
  }
}
