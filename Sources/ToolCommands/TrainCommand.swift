internal import ArgumentParser
internal import Weighbridge

/// `weighbridge train`: a model learns from examples.
struct TrainCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a model on examples, and writes a directory that Transformers loads.",
    discussion: """
      Examples are JSON objects line by line (.jsonl), rows under a header (.csv, .tsv), texts line by line (.txt), or a directory of \
      texts by label (pos/*.txt, neg/*.txt). Columns are found by their keys: text or sentence, text_pair, label; tokens and \
      ner_tags; question, context and answers; sentences of a document for pretraining, or lines of a text file, where an empty line \
      ends a document. A head that the model lacks is drawn by the seed. The same seed gives the same \
      bits on any number of threads, whether the run was stopped in between or not: Ctrl-C finishes the step and saves, \
      --resume goes on. Defaults are those of Transformers' Trainer. With --lora-rank the weights stay what they are and low-rank \
      factors learn, with a head for labels or answers; what is written is an adapter as PEFT saves it. With --adapter that adapter \
      is trained further.

      Examples:
        weighbridge train model/ --task classification --train train.jsonl --eval test.jsonl --output sentiment/
        weighbridge train gpt2/ --task lm --train book.txt --epochs 1 --output mine/
        weighbridge train bert/ --task pretraining --train documents.txt --output further/
        weighbridge train small/ --task classification --train train.jsonl --output taught/ --teacher large/ --match-states 2=4
        weighbridge train model/ --task mlm --train book.txt --output mine/ --settings run.json
        weighbridge train model/ --task classification --train train.jsonl --output adapter/ --lora-rank 8 --lora-alpha 16
      """)

  @OptionGroup var model: ModelArguments

  @Option(
    name: .customLong("settings"),
    help: ArgumentHelp(
      "A JSON object of options by their long names; what is typed beside it wins.",
      valueName: "file"))
  var settingsFile: String?

  @Option(
    help: ArgumentHelp(
      "What is learned: classification, token-classification, question-answering, mlm, lm or pretraining (mlm and next sentences).",
      valueName: "task"), transform: { try choice($0) })
  var task: TrainingTask.Kind

  @Option(help: ArgumentHelp("The examples to learn from.", valueName: "path"))
  var train: String

  @Option(help: ArgumentHelp("Examples to measure by.", valueName: "path"))
  var eval: String?

  @Option(help: ArgumentHelp("The directory to write.", valueName: "directory"))
  var output: String

  @Option(
    help:
      "What a classifier is for, where neither the model's settings nor labels show it: regression, single_label_classification or multi_label_classification.",
    transform: { try choice($0) })
  var problem: ProblemType?

  @Option(help: "How often each example is taken.")
  var epochs = 3.0

  @Option(help: "The number of steps, whatever the epochs.")
  var steps: Int?

  @Option(help: "Examples of a batch.")
  var batchSize = 8

  @Option(help: "Batches of a step, whose loss is the mean over all of their examples.")
  var accumulate = 1

  @Option(help: "The learning rate at its highest.")
  var learningRate = 5e-5

  @Option(help: "The decay of matrices; biases and norms have none.")
  var weightDecay = 0.0

  @Option(help: "Steps in which the learning rate rises; a share of all below 1.")
  var warmup = 0.0

  @Option(
    help: "How the learning rate goes on: linear (the default), constant or cosine.",
    transform: { try choice($0) })
  var schedule: LearningRateSchedule = .linear

  @Option(
    help: "What changes the parameters: adamw (the default), adam or sgd (momentum 0.9).",
    transform: { try choice($0) })
  var optimizer: TrainingSettings.Method = .adamW

  @Option(help: "The greatest length of all gradients together; 0 for any.")
  var clip = 1.0

  @Option(help: "The most tokens of a text.")
  var maxLength: Int?

  @Option(
    help:
      "The order of examples: random (the default), sequential, or group_by_length, where neighbours are of nearly the same length.",
    transform: { try choice($0) })
  var sampling: ExampleOrder = .random

  @Option(help: "The seed of all that is drawn.")
  var seed: UInt64 = 42

  @Option(
    help: ArgumentHelp(
      "Parameters that do not learn, by a pattern of names. Repeatable.", valueName: "glob"))
  var freeze: [String] = []

  @OptionGroup var lowRank: LowRankArguments

  @OptionGroup var distillation: DistillationArguments

  @Flag(help: "Hide all pieces of a word together (mlm, pretraining).")
  var wholeWords = false

  @Option(help: "Steps between two evaluations; otherwise one after each epoch.")
  var evalEvery: Int?

  @Option(help: "Steps between two checkpoints; otherwise one after each epoch.")
  var saveEvery: Int?

  @Option(help: "Steps between two lines of the log.")
  var logEvery = 10

  @Option(help: "The number of checkpoints to keep.")
  var keep: Int?

  @Option(
    help: "End after so many evaluations without a lower loss, with the model of the best one.")
  var earlyStop: Int?

  @Option(help: "Threads to compute with; otherwise one for each processor. Results are the same.")
  var threads: Int?

  @OptionGroup var precision: PrecisionArguments

  @Flag(
    help:
      "Compute layers again on the way back, and keep their inputs alone: less memory, more time, the same bits."
  )
  var checkpointing = false

  @Flag(
    name: .customLong("optimizer-pt"),
    help:
      "Write optimizer.pt and scheduler.pt to checkpoints too, from which Transformers' Trainer goes on."
  )
  var writesTorchState = false

  @Flag(help: "Go on from the latest checkpoint of the output directory.")
  var resume = false

  @Flag(help: "Say what would be trained, and train nothing. With --json the plan is printed.")
  var dryRun = false

  @Flag(help: "Print the results as one JSON object.")
  var json = false

  private var settings: TrainingSettings {
    var settings = TrainingSettings()
    settings.epochs = epochs
    settings.steps = steps
    settings.batchSize = batchSize
    settings.accumulation = accumulate
    settings.learningRate = learningRate
    settings.weightDecay = weightDecay
    settings.warmup = warmup
    settings.schedule = schedule
    settings.method = optimizer
    settings.clipping = clip == 0 ? nil : clip
    settings.maximumLength = maxLength
    settings.order = sampling
    settings.seed = seed
    settings.evaluateEvery = evalEvery
    settings.saveEvery = saveEvery
    settings.logEvery = logEvery
    settings.keep = keep
    settings.patience = earlyStop
    settings.writesTorchState = writesTorchState
    settings.recomputesLayers = checkpointing
    return settings
  }

  func validate() throws {
    guard precision.computePrecision.learns else {
      throw ValidationError(
        "--compute-precision \(precision.computePrecision.rawValue) is not for training, whose weights are float32: float32 or high"
      )
    }
    if let threads, threads < 1 { throw ValidationError("--threads must be above 0.") }
    guard !wholeWords || [.maskedLM, .preTraining].contains(task) else {
      throw ValidationError("--whole-words is for mlm and pretraining, which hide words")
    }
    guard problem == nil || task == .classification else {
      throw ValidationError("--problem is for classification")
    }
    guard eval == nil,
      let option = earlyStop.map({ _ in "early-stop" }) ?? evalEvery.map({ _ in "eval-every" })
    else { return }
    throw ValidationError("'--\(option)' needs examples to measure by: '--eval'")
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let settings = settings
    try settings.check()
    let kind = try PathKind(path: output)
    guard kind == .nothing || kind == .directory else {
      throw CheckpointError(
        .inconsistent, file: output, "it is a file, and training writes a directory")
    }
    var checkpoint: String?
    if resume {
      checkpoint = try TrainingOutput.latestCheckpoint(in: output)
      guard checkpoint != nil else {
        throw CheckpointError(
          .notFound, file: output, "there is no checkpoint in it to go on from")
      }
    } else if let found = try TrainingOutput.latestCheckpoint(in: output) {
      throw CheckpointError(
        .inconsistent, file: found, "a checkpoint of another run is there",
        remedy: "go on from it, or write to another directory")
    } else {
      try refuseModel(in: output)
    }
    // Of the start in any case: labels of a model that was saved meanwhile are those of the data.
    let source = try source(checkpoint, console)
    let (tokenizer, companions) = try tokenizer(of: source, checkpoint, console)
    let data = try TrainingData(path: train)
    let measured = try eval.map { path throws(CheckpointError) in try TrainingData(path: path) }
    for note in data.notes + (measured?.notes ?? []) { console.writeNote(note) }
    var task = try TrainingTask(
      self.task, of: data, problem: problem ?? source.problem, known: source.labels)
    task.masksWholeWords = wholeWords
    // Before a model is made of other settings.
    if let checkpoint { try TrainingOutput.check(settings, task, against: checkpoint) }
    let precision = precision.computePrecision
    precision.noteIfMissing(on: console)
    var options = try LoadOptions(threads: threads, precision: precision)
    options.nonFinite = model.options.requireFinite ? .refused : .kept
    let trainable = try source.trainable(
      for: task, seed: seed, options: options,
      lowRank: checkpoint == nil ? lowRank.settings : nil)
    if checkpoint != nil, let settings = lowRank.settings {
      try trainable.check(targetsOf: settings)
    }
    for pattern in freeze { try trainable.freeze(NamePattern(pattern)) }
    let trainer = try Trainer(
      trainable.model, tokenizer: tokenizer, task: task, settings: settings)
    if let teacher = try distillation.teacher(
      for: trainable.model, tokenizer, model, precision, console)
    {
      try trainer.learn(from: teacher)
    }
    let training = try trainer.prepared(data)
    let evaluation = try measured.map { data throws(CheckpointError) in
      try trainer.examples(data)
    }
    if let checkpoint { try trainer.resume(from: checkpoint) }
    describe(trainable, task, training.count, evaluation?.count, console)
    if dryRun {
      if json {
        let plan = plan(trainer, trainable, task, training.count, evaluation?.count)
        console.write(JSONWriter.text(plan) + "\n")
      }
      return .done
    }
    let out = try TrainingOutput(
      output, of: trainable.model, adapter: trainable.adapter, tokenizerFrom: companions)
    if resume { try out.removeRemains() }
    let (began, first) = (ContinuousClock.now, trainer.state.step)
    let progress = TrainingProgress(console)
    let interruption = Interruption()
    let ending = try interruption.whileCatching {
      try trainer.run(
        training: training, evaluation: evaluation, output: out,
        progress: { progress.show($0) }, isInterrupted: { interruption.isAsked })
    }.ending
    progress.clear()
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    let results = results(trainer, seconds, steps: trainer.state.step - first, of: training.count)
    if ending == .interrupted {
      console.writeNote(
        "interrupted after step \(trainer.state.step) of \(trainer.state.totalSteps), and saved: what was begun can be resumed"
      )
      if json { print(trainer, trainable, ending, results, console) }
      return .interrupted
    }
    let measures = try evaluation.map { examples throws(CheckpointError) in
      let began = ContinuousClock.now
      let found = try trainer.evaluate(examples)
      let size = max(8, batchSize)
      return found.map { (name: "eval_" + $0.name, value: $0.value) }
        + Self.speed(
          "eval", (ContinuousClock.now - began) / .seconds(1), examples: Double(examples.count),
          steps: (examples.count + size - 1) / size) + [("epoch", trainer.state.epoch)]
    }
    try out.finish(trainer, training: results, evaluation: measures, base: model.path)
    print(
      trainer, trainable, ending, results + (measures ?? []).filter { $0.name != "epoch" }, console)
    return .done
  }

  /// Refuses to write over a model or an adapter: the one that is trained, mostly, or the teacher.
  private func refuseModel(in directory: String) throws(CheckpointError) {
    for name in [LowRankAdapter.modelSettingsName, LowRankAdapter.configurationName] {
      let file = Directory.join(directory, name)
      guard try PathKind(path: file) != .nothing else { continue }
      throw CheckpointError(
        .inconsistent, file: file, "a model is there, and would be written over",
        remedy: "write to another directory")
    }
  }

  /// The model: that of a checkpoint, or with the adapter that the checkpoint is.
  private func source(
    _ checkpoint: String?, _ console: Console
  ) throws(CheckpointError) -> ModelSource {
    guard let checkpoint, try LowRankAdapter.isAdapter(checkpoint) else {
      if let checkpoint, lowRank.settings != nil {
        throw CheckpointError(
          .mismatch, file: checkpoint, "the run that is to go on trained a model and no adapter")
      }
      return try model.open(console, at: checkpoint, isPinned: checkpoint == nil)
    }
    try lowRank.check(
      against: try AdapterConfiguration(
        try LowRankAdapter.settings(in: checkpoint, model.options.sourceOptions.openOptions),
        file: Directory.join(checkpoint, LowRankAdapter.configurationName)),
      of: try HubCache.located(model.path))
    return try model.open(console, adapter: checkpoint)
  }

  /// The tokenizer, and where its files lie: beside the model where a checkpoint has none, as Trainer's without one.
  private func tokenizer(
    of source: ModelSource, _ checkpoint: String?, _ console: Console
  ) throws(CheckpointError) -> (Tokenizer, ModelSource) {
    do throws(CheckpointError) {
      return (try source.tokenizer(), source)
    } catch {
      guard checkpoint != nil, error.kind == .notFound else { throw error }
      let first = try model.open(console)
      return (try first.tokenizer(), first)
    }
  }

  private func describe(
    _ trainable: TrainableModel, _ task: TrainingTask, _ training: Int, _ evaluation: Int?,
    _ console: Console
  ) {
    let parameters = trainable.parameters
    var lines = [
      "\(type(of: trainable.model).className): \(parameters.trainableElementCount) of "
        + "\(parameters.elementCount) numbers learn from \(training) examples"
        + (evaluation.map { ", measured by \($0)" } ?? "")
    ]
    if task.labels.count > 0 {
      lines.append("labels: " + singleLine(task.labels.names.joined(separator: ", "), limit: 300))
    }
    lines += trainable.model.remarks
    for line in lines { console.writeNote(line) }
  }

  /// What would be trained, for programs.
  private func plan(
    _ trainer: Trainer, _ trainable: TrainableModel, _ task: TrainingTask, _ training: Int,
    _ evaluation: Int?
  ) -> JSONValue {
    let parameters = trainable.parameters
    let steps = trainer.settings.steps(for: training)
    func member(_ key: ExactName, _ value: JSONValue) -> JSONValue.Member {
      JSONValue.Member(key, value)
    }
    return .object([
      member("class", .string(type(of: trainable.model).className)),
      member("task", .string(task.kind.rawValue)), member("output", .string(output)),
      member("labels", .array(task.labels.names.map { .string($0) })),
      member("parameters", .integer(parameters.elementCount)),
      member("learning_parameters", .integer(parameters.trainableElementCount)),
      member("new_parameters", .array(trainable.newParameters.map { .string($0) })),
      member("examples", .integer(training)),
      member("evaluation_examples", evaluation.map { .integer($0) } ?? .null),
      member("steps_per_epoch", .integer(steps.perEpoch)), member("steps", .integer(steps.total)),
      member("steps_done", .integer(trainer.state.step)),
    ])
  }
}

/// The value of a list that an argument names.
private func choice<Value: RawRepresentable<String> & CaseIterable>(
  _ text: String
) throws -> Value {
  guard let value = Value(rawValue: text) else {
    throw ValidationError(
      "'\(text)' is none of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
  }
  return value
}
