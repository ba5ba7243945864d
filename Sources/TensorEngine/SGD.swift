internal import CKernels
public import CheckpointBytes

/// Stochastic gradient descent, with momentum (`torch.optim.SGD`, 2.13).
public final class SGD: Optimizer {
  /// What an ``SGD`` does.
  public struct Settings: Sendable, Hashable {
    /// What of the last change goes into the next.
    public var momentum = 0.0
    /// What of a gradient does not go into a change that has momentum.
    public var dampening = 0.0
    /// Whether a step looks ahead (Nesterov).
    public var isNesterov = false

    /// Settings; those left out are 0.
    public init(momentum: Double = 0, dampening: Double = 0, isNesterov: Bool = false) {
      self.momentum = momentum
      self.dampening = dampening
      self.isNesterov = isNesterov
    }
  }

  /// See ``Optimizer/learningRate``.
  public var learningRate: Double
  /// What it does.
  public let settings: Settings
  private let optimized: OptimizedParameters
  private let context: ExecutionContext

  /// An optimizer of groups of parameters.
  public init(
    _ groups: [ParameterGroup], learningRate: Double, settings: Settings = Settings(),
    in context: ExecutionContext
  ) {
    self.learningRate = learningRate
    self.settings = settings
    self.context = context
    optimized = OptimizedParameters(
      groups, remembering: settings.momentum == 0 ? [] : ["momentum_buffer"], in: context)
  }

  /// An optimizer of parameters without weight decay.
  public convenience init(
    _ parameters: some Sequence<Parameter>, learningRate: Double, momentum: Double = 0,
    in context: ExecutionContext
  ) {
    self.init(
      [ParameterGroup(Array(parameters))], learningRate: learningRate,
      settings: Settings(momentum: momentum), in: context)
  }

  /// See ``Optimizer/parameters``.
  public var parameters: [Parameter] { optimized.parameters }

  /// See ``Optimizer/step(gradientFactor:)``.
  public func step(gradientFactor: Double) throws(CheckpointError) {
    let (loops, decays, rate) = (context.kernels.training, optimized.decays, learningRate)
    func untouched(_ place: Int) -> UntouchedNumbers {
      decays[place] == 0 && gradientFactor.isFinite ? .stay : .compute
    }
    try unsafe optimized.update(untouched: untouched) {
      place, step, values, gradient, remembered, count in
      var code = weighbridge_sgd(
        gradient_factor: Float(gradientFactor), learning_rate: Float(rate),
        weight_decay: Float(decays[place]), momentum: Float(settings.momentum),
        gradient_part: Float(1 - settings.dampening), is_nesterov: settings.isNesterov ? 1 : 0,
        is_first: step == 1 ? 1 : 0)
      unsafe loops.sgd(values, gradient, remembered.first, count, &code)
    }
  }

  /// See ``Optimizer/state``.
  public var state: [ParameterState?] { optimized.states }

  /// See ``Optimizer/restore(_:)``.
  public func restore(_ state: [ParameterState?]) throws(CheckpointError) {
    try optimized.restore(state)
  }
}
