public import CheckpointBytes
public import LanguageModels
internal import LayoutRules
internal import TensorEngine

/// A model whose scores another one learns (knowledge distillation, Hinton et al., 2015): the loss is `mix` times the distance of the
/// pupil's probabilities from the teacher's, both at a temperature, and `1 - mix` times the loss of the labels; and the distance of
/// hidden states, where some are to be like the teacher's.
public struct Teacher: Sendable {
  /// The model; it does not learn.
  public let model: any LanguageModel
  /// What scores are divided by: the higher, the more the classes that are not chosen count.
  public let temperature: Double
  /// The share of the teacher in the loss, 0 to 1.
  public let mix: Double
  /// Hidden states of the pupil that are to be like some of the teacher's.
  public let states: [StateMatch]
  /// What the mean distance of these states counts in the loss.
  public let statesWeight: Double
  /// What it is called.
  public let name: String

  /// A teacher.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - temperature: What scores are divided by.
  ///   - mix: Its share in the loss.
  ///   - states: Hidden states that are to be alike.
  ///   - statesWeight: What their distance counts.
  ///   - name: What it is called, its path for instance: a run that goes on has a teacher of the same name. Nil for its class.
  /// - Throws: `inconsistent` for a temperature that is not above 0, a share that is none, a weight below 0, or states that are matched
  ///   twice.
  public init(
    _ model: any LanguageModel, temperature: Double = 2, mix: Double = 0.5,
    states: [StateMatch] = [], statesWeight: Double = 1, name: String? = nil
  ) throws(CheckpointError) {
    try checkTemperature(temperature)
    try StateMatch.check(states, weight: statesWeight)
    guard mix >= 0, mix <= 1 else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "mix"),
        "expected a number from 0 to 1, found \(mix)")
    }
    self.model = model
    self.temperature = temperature
    self.mix = mix
    self.states = states
    self.statesWeight = statesWeight
    self.name = name ?? type(of: model).className
  }

  /// What a run that goes on has as it was begun with, by names for messages.
  var circumstances: [String: String] {
    let matches = states.map { "\($0.pupil)=\($0.teacher)" }
    return [
      "teacher": name, "temperature": "\(temperature)", "mix": "\(mix)",
      "matched states": matches.isEmpty ? "none" : matches.joined(separator: ", "),
      "states weight": "\(statesWeight)",
    ]
  }

  /// Throws unless a model can learn from this one.
  func check(_ pupil: any LanguageModel, _ task: TrainingTask) throws(CheckpointError) {
    func differs(_ problem: String) -> CheckpointError {
      CheckpointError(.mismatch, CheckpointError.Site(field: "teacher"), problem)
    }
    guard type(of: model).head == type(of: pupil).head else {
      throw differs(
        "\(type(of: model).className) does not give what \(type(of: pupil).className) is to learn")
    }
    guard task.problem == .singleLabelClassification else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "teacher"),
        "\(task.problem.rawValue) has no probabilities of classes to learn")
    }
    let (theirs, ours) = (model.configuration, pupil.configuration)
    guard theirs.vocabularySize == ours.vocabularySize else {
      throw differs(
        "it has \(theirs.vocabularySize) words, the pupil has \(ours.vocabularySize)")
    }
    try checkStates(pupil)
    guard task.labels.count > 0 else { return }
    func names(_ labels: ClassLabels) -> [String] { (0..<labels.count).map(labels.name) }
    guard names(theirs.labels) == names(ours.labels) else {
      throw differs(
        "its labels are \(names(theirs.labels).map { quoted($0) }.joined(separator: ", ")), the "
          + "pupil's \(names(ours.labels).map { quoted($0) }.joined(separator: ", "))")
    }
  }

  /// What a pupil's outputs lack of the labels, whose losses are given, and of the teacher.
  ///
  /// - Parameters:
  ///   - hard: The losses of the labels with their shares of the step's.
  ///   - shares: What the means of the batch count in those of its step.
  ///   - maps: Of ``maps(for:seed:)``.
  func losses(
    _ outputs: ModelOutputs, _ hard: [(loss: Tensor, factor: Double)], _ batch: ExampleBatch,
    _ shares: LossShares, maps: [Linear?], in context: ExecutionContext
  ) throws(CheckpointError) -> [(loss: Tensor, factor: Double)] {
    var options = RunOptions(extras: extras, padding: .skipped)
    options.scoredTokens = .labelled
    let own = try withoutGradients { () throws(CheckpointError) in
      try model.run(batch.inputs, options)
    }
    var soft: [(loss: Tensor, factor: Double)] = []
    func add(_ pupil: Tensor, _ teacher: Tensor, share: Double) throws(CheckpointError) {
      let term = try distillation(pupil, teacher: teacher, temperature: temperature, in: context)
      soft.append((term, share))
    }
    for (name, part) in [("logits", 0), ("prediction_logits", 0), ("seq_relationship_logits", 1)] {
      guard let pupil = outputs[name]?.tensor, let teacher = own[name]?.tensor,
        shares.labels.indices.contains(part)
      else { continue }
      try add(pupil, teacher, share: shares.labels[part])
    }
    for name in ["start_logits", "end_logits"] {
      guard let pupil = outputs[name]?.tensor, let teacher = own[name]?.tensor else { continue }
      // The tokens of a text are its classes.
      let length = batch.lengths.max() ?? 0
      for (text, tokens) in batch.lengths.enumerated() {
        let (rows, whole) = (
          text * length..<text * length + tokens, try RaggedBatch(lengths: [tokens])
        )
        try add(
          try rowsOfSequences(try pupil.rows(rows), whole, in: context),
          try rowsOfSequences(try teacher.rows(rows).detached, whole, in: context),
          share: shares.labels.first ?? 0)
      }
    }
    guard !soft.isEmpty else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "teacher"),
        "\(type(of: model).className) has no scores to learn")
    }
    let scores =
      hard.map { ($0.loss, $0.factor * (1 - mix)) }
      + soft.map { ($0.loss, $0.factor * mix / Double(soft.count)) }
    guard !states.isEmpty else { return scores }
    return scores + [(try distance(outputs, own, batch, maps, in: context), shares.tokens)]
  }
}
