internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// The steps of a head with their weights.
struct HeadSteps: Sendable {
  private enum Step: Sendable {
    case linear(LinearWeights, Activation)
    case norm(LayerNormWeights)
    case dropout(Float)
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
      case .norm(let name, _):
        steps.append(.norm(try parameters[name].norm(epsilon: configuration.layerNormEpsilon)))
      case .scores(let name, _):
        steps.append(.linear(try parameters[name].linear(), .identity))
      case .dropout(let setting):
        steps.append(.dropout(try configuration.rate(of: setting)))
      }
    }
    self.steps = steps
  }

  /// What the steps make of rows of states, in a run that may leave numbers out.
  func callAsFunction(_ rows: Tensor, _ pass: ForwardPass) throws(CheckpointError) -> Tensor {
    let context = pass.context
    var rows = rows
    for step in steps {
      switch step {
      case .linear(let weights, let activation):
        rows = try linear(rows, weights, activation: activation, in: context)
      case .norm(let weights): rows = try layerNorm(rows, weights, in: context)
      case .dropout(let rate): rows = try pass.drop(rows, rate)
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
