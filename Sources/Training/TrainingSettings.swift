public import CheckpointBytes
public import TensorEngine

/// How a model is trained. The defaults are those of Transformers' `Trainer` (`TrainingArguments`, 5.23).
public struct TrainingSettings: Sendable, Hashable {
  /// What changes the parameters.
  public enum Method: String, Sendable, Hashable, CaseIterable {
    /// Adam with the decay of weights apart from the gradient.
    case adamW = "adamw"
    /// Adam with the decay of weights as a part of the gradient.
    case adam
    /// Stochastic gradient descent with a momentum of 0.9.
    case sgd
  }

  /// How often each example is taken.
  public var epochs = 3.0
  /// The number of steps, whatever the number of epochs; nil for as many as the epochs have.
  public var steps: Int?
  /// Examples of a batch.
  public var batchSize = 8
  /// Batches of a step, whose gradients add up.
  public var accumulation = 1
  /// The learning rate at its highest.
  public var learningRate = 5e-5
  /// The decay of matrices; biases and norms have none.
  public var weightDecay = 0.0
  /// The steps in which the learning rate rises; a share of all steps if it is below 1.
  public var warmup = 0.0
  /// How the learning rate goes on.
  public var schedule = LearningRateSchedule.linear
  /// What changes the parameters.
  public var method = Method.adamW
  /// The greatest length of all gradients together; nil for any.
  public var clipping: Double? = 1
  /// The most tokens of a text; nil for as many as model and tokenizer take.
  public var maximumLength: Int?
  /// In which order examples are taken.
  public var order = ExampleOrder.random
  /// The seed of everything that is drawn: new parameters, the order of examples, dropout, masks.
  public var seed: UInt64 = 42
  /// The steps between two evaluations; nil for one after each epoch.
  public var evaluateEvery: Int?
  /// The steps between two checkpoints; nil for one after each epoch.
  public var saveEvery: Int?
  /// The steps between two lines of the log.
  public var logEvery = 10
  /// The number of checkpoints that are kept, the latest ones; nil for all.
  public var keep: Int?
  /// The number of evaluations without a lower loss after which training ends; nil for any. With one, the model has at the end the
  /// numbers that it had at the best evaluation.
  public var patience: Int?

  /// Whether layers are computed again on the way back, instead of keeping what they compute: about a third more time, the same bits.
  public var recomputesLayers = false
  /// Whether checkpoints have `optimizer.pt` and `scheduler.pt` too, from which Transformers' `Trainer` goes on.
  public var writesTorchState = false

  /// What else a run is begun with, by names for messages: what ``Trainer`` says of its task, parameters and teacher.
  var circumstances: [String: String] = [:]

  /// The most epochs, steps, examples of a batch and batches of a step: products of two of them are whole numbers still.
  static let greatestCount = 1 << 31

  /// Settings; those left out are the defaults.
  public init(
    epochs: Double = 3, batchSize: Int = 8, learningRate: Double = 5e-5, seed: UInt64 = 42
  ) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.learningRate = learningRate
    self.seed = seed
  }

  /// Throws `inconsistent` for a number that makes no training.
  public func check() throws(CheckpointError) {
    func require(_ holds: Bool, _ name: String, _ value: Any, _ expected: String)
      throws(CheckpointError)
    {
      guard holds else {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(field: name), "expected \(expected), found \(value)")
      }
    }
    let greatest = Self.greatestCount
    try require(
      epochs > 0 && epochs <= Double(greatest), "epochs", epochs,
      "a number above 0, \(greatest) at most")
    for (name, value) in [
      ("steps", steps ?? 1), ("batch size", batchSize), ("accumulation", accumulation),
    ] {
      try require(
        value > 0 && value <= greatest, name, value, "a number above 0, \(greatest) at most")
    }
    try require(
      learningRate >= 0 && learningRate.isFinite, "learning rate", learningRate,
      "a number not below 0")
    try require(weightDecay >= 0, "weight decay", weightDecay, "a number not below 0")
    try require(
      warmup >= 0 && warmup <= Double(greatest), "warm-up", warmup,
      "a number not below 0, \(greatest) at most")
    try require(clipping ?? 1 > 0, "clipping", clipping ?? 0, "a number above 0")
    try require(maximumLength ?? 1 > 0, "maximum length", maximumLength ?? 0, "a number above 0")
    for (name, value) in [
      ("steps between evaluations", evaluateEvery), ("steps between checkpoints", saveEvery),
      ("steps between lines of the log", logEvery), ("checkpoints to keep", keep),
      ("patience", patience),
    ] { try require(value ?? 1 > 0, name, value ?? 0, "a number above 0") }
  }

  /// What decides about a run's bits beside the examples and the numbers of steps, by names for messages: a run that goes on has the same.
  var ofRun: [(name: String, value: String)] {
    [
      ("seed", "\(seed)"), ("learning rate", "\(learningRate)"), ("weight decay", "\(weightDecay)"),
      ("warm-up", "\(warmup)"), ("schedule", schedule.rawValue), ("optimizer", method.rawValue),
      ("clipping", clipping.map { "\($0)" } ?? "none"), ("order", order.rawValue),
      ("batch size", "\(batchSize)"), ("accumulation", "\(accumulation)"),
      ("maximum length", maximumLength.map { "\($0)" } ?? "the model's"),
    ] + circumstances.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
  }

  /// The steps of an epoch, and all steps, with so many examples.
  public func steps(for count: Int) -> (perEpoch: Int, total: Int) {
    let (product, overflow) = max(1, batchSize).multipliedReportingOverflow(
      by: max(1, accumulation))
    let perStep = overflow ? Int.max : product
    let perEpoch = count / perStep + (count % perStep > 0 ? 1 : 0)
    let all = (epochs * Double(perEpoch)).rounded(.up)
    return (perEpoch, steps ?? Int(min(max(1, all), 0x1p53)))
  }

  /// An optimizer of some parameters.
  func optimizer(
    of parameters: some Sequence<Parameter>, in context: ExecutionContext
  ) -> any Optimizer {
    let groups = ParameterGroup.matrices(of: parameters, weightDecay: weightDecay)
    return switch method {
    case .adamW: Adam(groups, learningRate: learningRate, in: context)
    case .adam:
      Adam(
        groups, learningRate: learningRate, settings: Adam.Settings(decouplesDecay: false),
        in: context)
    case .sgd:
      SGD(groups, learningRate: learningRate, settings: SGD.Settings(momentum: 0.9), in: context)
    }
  }
}
