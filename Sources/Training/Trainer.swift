public import CheckpointBytes
public import LanguageModels
internal import LayoutRules
package import TensorEngine
public import Tokenizers

/// Trains a model, step by step.
///
/// What a step does follows from the settings, the examples and the number of the step alone, so that a run that was stopped and goes on
/// from a checkpoint has the same bits as one that was not, on any number of threads.
public final class Trainer {
  /// What happens while it runs.
  public struct Progress: Sendable {
    /// The state after a step.
    public let state: TrainerState
    /// The loss of the step.
    public let loss: Double
    /// Examples a second, of the last steps.
    public let rate: Double
  }

  /// The model; its parameters change.
  public let model: any LanguageModel
  /// What it learns.
  public let task: TrainingTask
  /// How.
  public private(set) var settings: TrainingSettings
  let tokenizer: Tokenizer
  /// How far it is.
  public private(set) var state = TrainerState()
  /// A model whose scores are learned beside the labels; nil for labels alone.
  public private(set) var teacher: Teacher?
  /// What maps the model's hidden states to the teacher's; nil where they need none.
  private var maps: [Linear?] = []
  /// The factors of the model's adapter and the parameters of the model, those that are frozen too.
  private let parameters: [Parameter]
  private var optimizer: any Optimizer
  private let collator: Collator
  /// What learned as it was at the evaluation with the lowest loss; empty where training ends with what the last step made.
  private var best: [StoredMatrix] = []

  /// A trainer of a model whose parameters learn (`LoadOptions.learns`); those that are frozen stay as they are.
  ///
  ///     let trainer = try Trainer(model, tokenizer: tokenizer, settings: TrainingSettings(epochs: 3, batchSize: 32))
  ///     try trainer.run(training: .textFolder("aclImdb/train"), evaluation: .textFolder("aclImdb/test"))
  ///
  /// - Parameters:
  ///   - model: What learns.
  ///   - tokenizer: What makes tokens of texts, and says what fills up and what hides.
  ///   - task: What the model is to learn; nil for what its head is made for, with the labels of its settings.
  ///   - settings: How.
  /// - Throws: `inconsistent` for settings that make no training, a model without parameters that learn, or one of another head
  ///   or another number of labels than the task's; `notFound` for masked language modelling without a mask token; `unsupported` for a
  ///   head that no task has.
  public init(
    _ model: any LanguageModel, tokenizer: Tokenizer, task: TrainingTask? = nil,
    settings: TrainingSettings = TrainingSettings()
  ) throws(CheckpointError) {
    try settings.check()
    // `??` would lose the type of the error.
    let task = if let task { task } else { try TrainingTask(of: model) }
    self.model = model
    self.tokenizer = tokenizer
    self.task = task
    self.settings = settings
    guard type(of: model).head == task.head else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "task"),
        "\(type(of: model).className) is no model for \(task.kind.rawValue)")
    }
    let labels = model.labelCount
    guard task.labels.count == 0 || task.labels.count == labels else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "labels"),
        "the task has \(task.labels.count), the head of \(type(of: model).className) \(labels)")
    }
    collator = try Collator(
      task, tokenizer: tokenizer, padding: model.paddingToken, seed: settings.seed)
    parameters = model.parametersWithFactors
    guard parameters.contains(where: \.requiresGradient) else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "parameters"), "none of them learns")
    }
    optimizer = settings.optimizer(of: parameters, in: model.context)
    self.settings.circumstances = task.circumstances
    self.settings.circumstances["frozen"] = frozen
    self.settings.circumstances["teacher"] = "none"
    self.settings.circumstances["precision"] = "\(model.context.kernels.precision)"
  }

  /// The names of what does not learn, or "all but" those of what learns where these are fewer.
  private var frozen: String {
    let names = parameters.filter { !$0.requiresGradient }.map(\.name)
    guard names.count > learning.count else {
      return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
    return "all but " + learning.map(\.name).joined(separator: ", ")
  }

  /// Has the model learn a teacher's scores beside the labels, and hidden states if the teacher names some: where these are not equally
  /// wide, through linear maps that learn as well. They are drawn by the seed, and are no part of the model that is saved.
  ///
  /// - Throws: `mismatch` for a teacher of another head, with other labels or words, or without a state that is named; `unsupported` for a
  ///   task that has no classes, and for maps where `Trainer` is to go on from checkpoints, which has none; `inconsistent` once a step was
  ///   made.
  public func learn(from teacher: Teacher) throws(CheckpointError) {
    try teacher.check(model, task)
    guard state.step == 0 else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "teacher"), "it comes after the first step")
    }
    maps = try teacher.maps(for: model, seed: settings.seed)
    guard mapParameters.isEmpty || !settings.writesTorchState else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "states"),
        "an optimizer.pt has no place for the maps between states of different widths")
    }
    optimizer = settings.optimizer(
      of: parameters + mapParameters, in: model.context)
    self.teacher = teacher
    settings.circumstances.merge(teacher.circumstances) { _, new in new }
  }

  private var mapParameters: [Parameter] { maps.flatMap { $0?.parameters ?? [] } }

  /// One step: the loss of its examples, and the length of all gradients. Nil for a step of which no token happened to be hidden, which
  /// changes nothing.
  private func step(
    _ batches: [ExampleBatch]
  ) throws(CheckpointError) -> (loss: Double, norm: Double)? {
    let terms = LossTerms(sumOf: batches.map(\.terms))
    guard terms.haveLabels else {
      guard collator.masking == nil else {
        state.step += 1
        return nil
      }
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "labels"),
        "no example of step \(state.step + 1) has a label that counts")
    }
    var loss = 0.0
    for (place, batch) in batches.enumerated()
    where batch.terms.haveLabels || teacher?.states.isEmpty == false {
      let number = UInt32(truncatingIfNeeded: state.step * settings.accumulation + place)
      var options = RunOptions(
        padding: .skipped, dropout: RunOptions.Dropout(seed: settings.seed, step: number))
      options.scoredTokens = .labelled
      if let teacher { options.extras = teacher.extras }
      options.recomputesLayers = settings.recomputesLayers
      let outputs = try model.run(batch.inputs, options)
      guard !outputs.lossParts.isEmpty else {
        throw CheckpointError(
          .unsupported, CheckpointError.Site(field: "labels"),
          "\(type(of: model).className) makes no loss of them")
      }
      let shares = batch.terms.shares(of: terms)
      var parts = zip(outputs.lossParts, shares.labels).map { (loss: $0, factor: $1) }
      if let teacher {
        parts = try teacher.losses(
          outputs, parts, batch, shares, maps: maps, in: model.context)
      }
      guard let value = try weightedSum(parts, in: model.context) else { continue }
      try value.backward()
      loss += Double(value.values[0])
    }
    guard loss.isFinite else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "loss"),
        "the loss of step \(state.step + 1) is \(loss)",
        remedy: "a lower learning rate may help")
    }
    let norm = gradientNorm(optimizer.parameters, in: model.context)
    optimizer.learningRate = learningRate(step: state.step)
    try optimizer.step(
      gradientFactor: settings.clipping.map { clippingFactor(norm: norm, maximum: $0) } ?? 1)
    optimizer.zeroGradients()
    state.step += 1
    return (loss, norm)
  }

  private func learningRate(step: Int) -> Double {
    let warmup =
      settings.warmup < 1
      ? Int((settings.warmup * Double(state.totalSteps)).rounded(.up)) : Int(settings.warmup)
    return settings.learningRate
      * settings.schedule.factor(step: step, warmup: warmup, total: state.totalSteps)
  }
}

extension Trainer {
  /// Makes all steps that are left.
  ///
  /// - Parameters:
  ///   - training: The examples to learn from.
  ///   - evaluation: Examples to measure by; nil for none.
  ///   - output: Where checkpoints go; nil for nowhere.
  ///   - progress: Called after each step.
  ///   - isInterrupted: Asked after each step; a checkpoint is written if it says so.
  ///
  /// With a patience (``TrainingSettings/patience``) the model has at the end the numbers of the evaluation with the lowest loss.
  /// - Returns: What the run came to.
  /// - Throws: `inconsistent` without examples, for a step or an evaluation without labels, or a loss that is no number; what running
  ///   and writing throw.
  @discardableResult
  public func run(
    training: TrainingExamples, evaluation: [TrainingExample]? = nil,
    output: TrainingOutput? = nil, progress: (Progress) -> Void = { _ in },
    isInterrupted: () -> Bool = { false }
  ) throws(CheckpointError) -> TrainingResult {
    try plan(training.count)
    // Before the first step, not behind the last.
    if let evaluation { try self.evaluation.check(evaluation, batchSize: evaluationSize) }
    let clock = ContinuousClock()
    let start = clock.now
    // One that was stopped behind its last evaluation has no step to make.
    var ending = isTired ? TrainingResult.Ending.stoppedEarly : .finished
    let loader = try DataLoader(
      training, collator, batchSize: settings.batchSize, order: settings.order,
      seed: settings.seed, batchesPerStep: settings.accumulation)
    loader.end = loader.batches(of: state.totalSteps).lowerBound
    while state.step < state.totalSteps, ending == .finished {
      let began = clock.now
      let made = try step(
        try loader.batches(of: state.step).map { (number) throws(CheckpointError) in
          try loader.batch(number)
        })
      let seconds = (clock.now - began) / .seconds(1)
      if let made { state.count(made.loss) }
      let isLast = state.step == state.totalSteps
      let endsEpoch = state.step % state.stepsPerEpoch == 0
      if state.step % settings.logEvery == 0 || isLast {
        var values: [(name: String, value: Double)] = [
          ("learning_rate", learningRate(step: state.step - 1))
        ]
        if let norm = made?.norm { values.insert(("grad_norm", norm), at: 0) }
        if let loss = state.takeUnlogged() { values.insert(("loss", loss), at: 0) }
        try log(values, output)
      }
      let perStep = Double(settings.batchSize * settings.accumulation)
      progress(
        Progress(
          state: state, loss: made?.loss ?? state.meanLoss ?? 0,
          rate: perStep / max(seconds, 1e-9)))
      let evaluates = settings.evaluateEvery.map { state.step % $0 == 0 } ?? endsEpoch
      if let evaluation, evaluates || isLast { try evaluate(evaluation, output) }
      let isStopping = isInterrupted() || Task.isCancelled
      let saves = settings.saveEvery.map { state.step % $0 == 0 } ?? endsEpoch
      if saves || isLast || isStopping || isTired {
        try output?.writeCheckpoint(
          state, optimizer, settings, rate: learningRate(step: state.step), maps: mapParameters,
          best: zip(learning, best).map { ($0, $1) })
      }
      if isStopping || isTired {
        ending = isLast ? .finished : isStopping ? .interrupted : .stoppedEarly
      }
    }
    if ending != .interrupted {
      guard state.meanLoss != nil || collator.masking == nil else {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(field: "labels"),
          "no step had a token that was hidden")
      }
      for (parameter, values) in zip(learning, best) { try parameter.replace(values) }
    }
    return TrainingResult(ending, of: state, seconds: (clock.now - start) / .seconds(1))
  }

  /// Whether evaluations have not become better for as long as that is waited for.
  private var isTired: Bool { settings.patience.map { state.evaluationsSinceBest >= $0 } ?? false }

  private var learning: [Parameter] { parameters.filter(\.requiresGradient) }

  /// Counts the steps.
  private func plan(_ count: Int) throws(CheckpointError) {
    guard count > 0 else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "training"), "there is no example")
    }
    let (stepsPerEpoch, total) = settings.steps(for: count)
    guard state.step == 0 || state.stepsPerEpoch == stepsPerEpoch else {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(field: "training"),
        "an epoch has \(stepsPerEpoch) steps, the checkpoint was written where it had "
          + "\(state.stepsPerEpoch)")
    }
    guard state.step == 0 || state.totalSteps == total else {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(field: "training"),
        "there are to be \(total) steps, the checkpoint was written for \(state.totalSteps)")
    }
    state.stepsPerEpoch = stepsPerEpoch
    state.totalSteps = total
  }

  private func log(
    _ values: [(name: String, value: Double)], _ output: TrainingOutput?
  ) throws(CheckpointError) {
    let entry = TrainerState.Entry(step: state.step, epoch: state.epoch, values: values)
    state.log.append(entry)
    try output?.write(log: state.log)
  }

  /// Measures the model on examples.
  ///
  /// - Returns: The loss and the metrics of the task, by name.
  /// - Throws: `inconsistent` for examples of which no label counts, or no token happens to be hidden; what running throws.
  public func evaluate(
    _ examples: [TrainingExample]
  ) throws(CheckpointError) -> [(name: String, value: Double)] {
    var evaluation = evaluation
    return try evaluation.run(model, examples, batchSize: evaluationSize)
  }

  private var evaluation: Evaluation {
    Evaluation(task, padding: collator.padding, masking: collator.masking, seed: settings.seed)
  }

  private var evaluationSize: Int { max(8, settings.batchSize) }

  private func evaluate(
    _ examples: [TrainingExample], _ output: TrainingOutput?
  ) throws(CheckpointError) {
    let values = try evaluate(examples)
    try log(values.map { ("eval_" + $0.name, $0.value) }, output)
    guard let loss = values.first?.value else { return }
    if state.best.map({ loss < $0.loss }) ?? true {
      state.best = (loss, state.step)
      state.evaluationsSinceBest = 0
      // The next step copies what is held here.
      if settings.patience != nil {
        best = try learning.map { (parameter) throws(CheckpointError) in try parameter.values }
      }
    } else {
      state.evaluationsSinceBest += 1
    }
  }

  /// Goes on from a checkpoint, whose parameters the model has already.
  ///
  /// A checkpoint of Transformers' `Trainer` is one too: its `optimizer.pt`, `scheduler.pt` and `trainer_state.json` are read.
  /// - Throws: `notFound` for a directory that is none, `mismatch` for an optimizer of another kind or other parameters, for other settings
  ///   than the run was begun with, and for another learning rate than Trainer's.
  public func resume(from checkpoint: String) throws(CheckpointError) {
    // The state comes last: what cannot be read leaves a run that has not begun.
    var found = try TrainingOutput.state(in: checkpoint, settings)
    var best = best
    if settings.patience != nil {
      best = try TrainingOutput.best(of: learning, in: checkpoint)
      // A run that did not wait for better ones kept no numbers to end with: the next evaluation is the first that counts.
      if best.isEmpty { found.forgetBest() }
    }
    let optimizerState = try TrainingOutput.optimizerState(
      in: checkpoint, of: optimizer.parameters, settings, step: found.step)
    try TrainingOutput.restore(mapParameters, from: checkpoint)
    try optimizer.restore(optimizerState)
    (state, self.best) = (found, best)
  }
}

extension LanguageModel {
  /// What the model computes with, for models of whose settings the type is not known.
  package var context: ExecutionContext { info.context }

  /// The labels of its head.
  fileprivate var labelCount: Int { info.architecture.sizes.labels }
}
