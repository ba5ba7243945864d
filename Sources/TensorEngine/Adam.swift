internal import CKernels
public import CheckpointBytes

/// Adam, with the decay of weights as a part of the gradient or apart from it (`torch.optim.Adam` and `AdamW`, 2.13).
public final class Adam: Optimizer {
  /// What an ``Adam`` does.
  public struct Settings: Sendable, Hashable {
    /// What of the mean of the gradients stays at each step.
    public var firstBeta = 0.9
    /// What of the mean of their squares stays at each step.
    public var secondBeta = 0.999
    /// What is added to the root of that mean.
    public var epsilon = 1e-8
    /// Whether values decay by themselves (AdamW), and not as a part of the gradient.
    public var decouplesDecay = true

    /// Settings; those left out are torch's.
    public init(
      firstBeta: Double = 0.9, secondBeta: Double = 0.999, epsilon: Double = 1e-8,
      decouplesDecay: Bool = true
    ) {
      self.firstBeta = firstBeta
      self.secondBeta = secondBeta
      self.epsilon = epsilon
      self.decouplesDecay = decouplesDecay
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
    optimized = OptimizedParameters(groups, remembering: ["exp_avg", "exp_avg_sq"], in: context)
  }

  /// An optimizer of parameters without weight decay.
  public convenience init(
    _ parameters: some Sequence<Parameter>, learningRate: Double, in context: ExecutionContext
  ) {
    self.init([ParameterGroup(Array(parameters))], learningRate: learningRate, in: context)
  }

  /// See ``Optimizer/parameters``.
  public var parameters: [Parameter] { optimized.parameters }

  /// See ``Optimizer/step(gradientFactor:)``.
  public func step(gradientFactor: Double) throws(CheckpointError) {
    let (loops, decays, rate) = (context.kernels.training, optimized.decays, learningRate)
    let settings = settings
    // 0 / (√0 + epsilon) is 0, and changes nothing: what is left is the decay.
    func untouched(_ place: Int) -> UntouchedNumbers {
      guard settings.epsilon > 0, gradientFactor.isFinite else { return .compute }
      if decays[place] == 0 { return .stay }
      return settings.decouplesDecay ? .scale(Float(1 - rate * decays[place])) : .compute
    }
    try unsafe optimized.update(untouched: untouched) {
      place, step, values, gradient, remembered, count in
      let decay = decays[place]
      let first = 1 - power(settings.firstBeta, Double(step))
      let second = 1 - power(settings.secondBeta, Double(step))
      var code = weighbridge_adam(
        gradient_factor: Float(gradientFactor),
        weight_decay: settings.decouplesDecay ? 0 : Float(decay),
        decay_factor: settings.decouplesDecay ? Float(1 - rate * decay) : 1,
        mean_part: Float(1 - settings.firstBeta), square_kept: Float(settings.secondBeta),
        square_part: Float(1 - settings.secondBeta), square_correction: Float(second.squareRoot()),
        epsilon: Float(settings.epsilon), step_size: Float(rate / first))
      unsafe loops.adam(values, gradient, remembered[0], remembered[1], count, &code)
    }
  }

  /// See ``Optimizer/state``.
  public var state: [ParameterState?] { optimized.states }

  /// See ``Optimizer/restore(_:)``.
  public func restore(_ state: [ParameterState?]) throws(CheckpointError) {
    try optimized.restore(state)
  }
}

/// How the learning rate goes on from the first step to the last (`get_scheduler`, Transformers 5.23).
public enum LearningRateSchedule: String, Sendable, Hashable, CaseIterable {
  /// It stays, once it has risen.
  case constant
  /// It falls to 0 in a line.
  case linear
  /// It falls to 0 as half a wave.
  case cosine

  /// What the learning rate is multiplied by.
  ///
  /// - Parameters:
  ///   - step: The number of steps that were made before.
  ///   - warmup: The steps in which it rises from 0.
  ///   - total: All steps.
  public func factor(step: Int, warmup: Int, total: Int) -> Double {
    if step < warmup { return Double(step) / Double(max(1, warmup)) }
    // As doubles, whose differences have no bounds.
    let (step, warmup, total) = (Double(step), Double(warmup), Double(total))
    switch self {
    case .constant: return 1
    case .linear: return max(0, (total - step) / max(1, total - warmup))
    case .cosine:
      let progress = (step - warmup) / max(1, total - warmup)
      return max(0, 0.5 * (1 + cosineOf(.pi * progress)))
    }
  }
}
