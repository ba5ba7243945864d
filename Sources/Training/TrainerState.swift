public import CheckpointBytes

/// How far training is, as `trainer_state.json` has it (Transformers 5.23).
public struct TrainerState: Sendable, Hashable {
  /// A line of the log: values by their names.
  public struct Entry: Sendable, Hashable {
    /// The step after which it was written.
    public let step: Int
    /// The epochs so far.
    public let epoch: Double
    /// `loss`, `grad_norm`, `learning_rate`; or those of an evaluation, with `eval_` before them.
    public let values: [(name: String, value: Double)]

    package init(step: Int, epoch: Double, values: [(name: String, value: Double)]) {
      self.step = step
      self.epoch = epoch
      self.values = values
    }

    /// The value of a name.
    public subscript(name: String) -> Double? { values.first { $0.name == name }?.value }

    /// Whether both are the same line.
    public static func == (left: Entry, right: Entry) -> Bool { left.json == right.json }

    /// Hashes the line.
    public func hash(into hasher: inout Hasher) { hasher.combine(json) }

    /// The line as `log.jsonl` has it.
    public var json: JSONValue {
      .object(
        [JSONValue.Member("epoch", .double(epoch))]
          + values.map { JSONValue.Member(ExactName($0.name), .double($0.value)) }
          + [JSONValue.Member("step", .integer(step))])
    }

    fileprivate init?(_ value: JSONValue) {
      guard let step = value["step"]?.integer, case .number(let epoch)? = value["epoch"] else {
        return nil
      }
      self.step = step
      self.epoch = epoch.double
      values = (value.members ?? []).compactMap { member in
        guard case .number(let number) = member.value, member.key != "step", member.key != "epoch"
        else { return nil }
        return (member.key.string, number.double)
      }
    }
  }

  /// The steps that were made.
  public internal(set) var step = 0
  /// All steps that there are to be.
  public internal(set) var totalSteps = 0
  /// The steps of an epoch.
  public internal(set) var stepsPerEpoch = 1
  /// The log so far.
  public internal(set) var log: [Entry] = []
  /// The lowest loss of an evaluation, and the step after which it was measured.
  public internal(set) var best: (loss: Double, step: Int)?
  /// The evaluations since then.
  public internal(set) var evaluationsSinceBest = 0
  /// The sum of the losses that are in no line of the log yet, and their number.
  private var unlogged = (sum: 0.0, steps: 0)
  /// The sum of the losses of all steps, and their number.
  private var losses = (sum: 0.0, steps: 0)

  /// What numbers of steps a file may state: as many as are told apart as doubles.
  private static let counts = 0...1 << 53

  /// The mean loss of the steps so far; nil before the first.
  public var meanLoss: Double? { losses.steps > 0 ? losses.sum / Double(losses.steps) : nil }

  /// Takes the loss of a step.
  mutating func count(_ loss: Double) {
    unlogged = (unlogged.sum + loss, unlogged.steps + 1)
    losses = (losses.sum + loss, losses.steps + 1)
  }

  /// The mean loss of the steps since the last line of the log; nil if there were none.
  mutating func takeUnlogged() -> Double? {
    defer { unlogged = (0, 0) }
    return unlogged.steps > 0 ? unlogged.sum / Double(unlogged.steps) : nil
  }

  /// Has the next evaluation be the first.
  mutating func forgetBest() { (best, evaluationsSinceBest) = (nil, 0) }

  /// The epochs so far.
  public var epoch: Double { Double(step) / Double(stepsPerEpoch) }

  /// Whether both are as far, with the same log.
  public static func == (left: TrainerState, right: TrainerState) -> Bool {
    left.step == right.step && left.totalSteps == right.totalSteps && left.log == right.log
  }

  /// Hashes how far it is.
  public func hash(into hasher: inout Hasher) { hasher.combine(step) }

  init() {}

  /// The epochs that the steps are in, of which the last one may be a part.
  private func epochCount(_ settings: TrainingSettings) -> Int {
    settings.steps == nil
      ? Int(settings.epochs.rounded(.up)) : (totalSteps + stepsPerEpoch - 1) / stepsPerEpoch
  }

  private static let callbacks: ExactName = "stateful_callbacks"
  private static let own: ExactName = "Weighbridge"

  /// The document as `Trainer` writes it, and what else is needed to go on.
  ///
  /// As there, it says which evaluation was the best one where the model of that one is what training ends with.
  /// - Parameter bestCheckpoint: The checkpoint of the best evaluation; nil if there is none.
  func json(_ settings: TrainingSettings, bestCheckpoint: String?) -> JSONValue {
    func member(_ key: ExactName, _ value: JSONValue) -> JSONValue.Member {
      JSONValue.Member(key, value)
    }
    let named = settings.patience == nil ? nil : best
    return .object([
      member("best_global_step", named.map { .integer($0.step) } ?? .null),
      member("best_metric", named.map { .double($0.loss) } ?? .null),
      member("best_model_checkpoint", bestCheckpoint.map { .string($0) } ?? .null),
      member("epoch", .double(epoch)),
      member("eval_steps", settings.evaluateEvery.map { .integer($0) } ?? .null),
      member("global_step", .integer(step)),
      member("is_hyper_param_search", .boolean(false)),
      member("is_local_process_zero", .boolean(true)),
      member("is_world_process_zero", .boolean(true)),
      member("log_history", .array(log.map(\.json))),
      member("logging_steps", .integer(settings.logEvery)),
      member("max_steps", .integer(totalSteps)),
      member("num_input_tokens_seen", .integer(0)),
      member("num_train_epochs", .integer(epochCount(settings))),
      member("save_steps", .integer(settings.saveEvery ?? stepsPerEpoch)),
      // Trainer takes no keys but its own; this is where it keeps what others remember.
      member(
        Self.callbacks,
        .object([
          // What it decided last, without which it does not go on.
          member(
            "TrainerControl",
            .object([
              member(
                "args",
                .object([
                  member("should_training_stop", .boolean(step >= totalSteps)),
                  member("should_epoch_stop", .boolean(false)),
                  member("should_save", .boolean(false)),
                  member("should_evaluate", .boolean(false)),
                  member("should_log", .boolean(false)),
                ])),
              member("attributes", .object([])),
            ])),
          member(
            Self.own,
            .object([
              member("args", .object([])),
              member(
                "attributes",
                .object([
                  member("steps_per_epoch", .integer(stepsPerEpoch)),
                  member(
                    "settings",
                    .object(settings.ofRun.map { member(ExactName($0.name), .string($0.value)) })),
                  member("best_loss", best.map { .double($0.loss) } ?? .null),
                  member("best_step", best.map { .integer($0.step) } ?? .null),
                  member("evaluations_since_best", .integer(evaluationsSinceBest)),
                  member("unlogged_loss", .double(unlogged.sum)),
                  member("unlogged_steps", .integer(unlogged.steps)),
                  member("loss_sum", .double(losses.sum)),
                  member("loss_steps", .integer(losses.steps)),
                ])),
            ])),
        ])),
      member("total_flos", .integer(0)),
      member("train_batch_size", .integer(settings.batchSize)),
      member("trial_name", .null),
      member("trial_params", .null),
    ])
  }

  /// Reads what ``json(_:bestCheckpoint:)`` wrote, or `Trainer`.
  ///
  /// - Throws: `malformed` for a document that is none such, `mismatch` for one that was begun with other settings.
  init(
    _ document: JSONValue, _ settings: TrainingSettings, file: String
  ) throws(CheckpointError) {
    func malformed() -> CheckpointError {
      CheckpointError(
        .malformed, file: file, "it does not say how far training was",
        remedy: "go on from a checkpoint that this program or Trainer wrote")
    }
    guard let step = document["global_step"]?.integer, let total = document["max_steps"]?.integer,
      step >= 0
    else { throw malformed() }
    self.step = step
    totalSteps = total
    log = (document["log_history"]?.elements ?? []).compactMap { Entry($0) }
    let own = document[Self.callbacks]?[Self.own]?["attributes"]
    // Trainer's best may be of another metric than the loss.
    if let bestStep = (own?["best_step"] ?? document["best_global_step"])?.integer,
      case .number(let metric)? = own?["best_loss"] ?? document["best_metric"],
      own != nil || log.contains(where: { $0.step == bestStep && $0["eval_loss"] == metric.double })
    {
      best = (metric.double, bestStep)
    }
    for (name, value) in settings.ofRun {
      // Trainer's says how many examples a batch had, and nothing of the others.
      let stated =
        own == nil && name == "batch size"
        ? document["train_batch_size"]?.integer.map { "\($0)" }
        : own?["settings"]?[ExactName(name)]?.string
      guard let begun = stated, begun != value else { continue }
      throw CheckpointError(
        .mismatch, file: file, field: name,
        "the run was begun with \(singleLine(begun, limit: 100)) and cannot go on with "
          + singleLine(value, limit: 100))
    }
    guard let own else {
      // Trainer's: an epoch is what the steps so far are a part of.
      guard case .number(let epoch)? = document["epoch"], step > 0, epoch.double > 0,
        let count = Int(exactly: (Double(step) / epoch.double).rounded()), count > 0,
        Self.counts.contains(count)
      else { throw malformed() }
      stepsPerEpoch = count
      losses = loggedLosses
      return
    }
    guard let perEpoch = own["steps_per_epoch"]?.integer, perEpoch > 0,
      Self.counts.contains(perEpoch),
      let waiting = own["evaluations_since_best"]?.integer,
      case .number(let sum)? = own["unlogged_loss"], let steps = own["unlogged_steps"]?.integer,
      Self.counts.contains(waiting), Self.counts.contains(steps)
    else { throw malformed() }
    stepsPerEpoch = perEpoch
    evaluationsSinceBest = waiting
    unlogged = (sum.double, steps)
    losses = loggedLosses
    if case .number(let all)? = own["loss_sum"], let count = own["loss_steps"]?.integer {
      guard Self.counts.contains(count) else { throw malformed() }
      losses = (all.double, count)
    }
  }

  /// What the log tells of the losses so far: its lines are means of about as many steps each.
  private var loggedLosses: (sum: Double, steps: Int) {
    let known = log.compactMap { $0["loss"] }
    guard !known.isEmpty else { return (0, 0) }
    return (known.reduce(0, +) / Double(known.count) * Double(step), step)
  }
}
