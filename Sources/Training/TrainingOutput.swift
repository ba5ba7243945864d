public import CheckpointBytes
internal import Checkpoints
internal import Conversion
internal import OrderedCollections
internal import TensorEngine
internal import TensorValues
internal import WeightGraph

/// The directory that training writes to, under Transformers' names.
public struct TrainingOutput {
  /// Its path.
  public let directory: String
  /// Saves the model with everything beside it to a path.
  private let saveModel: (String) throws(CheckpointError) -> Void

  /// An output; the directory is made if it is not there.
  ///
  /// - Parameters:
  ///   - directory: Where a run is written.
  ///   - saveModel: Saves the model to a directory.
  public init(
    _ directory: String, saveModel: @escaping (String) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    self.directory = directory
    self.saveModel = saveModel
    try Directory.makeAll(directory)
  }

  static let stateFile = "trainer_state.json"
  static let optimizerFile = "optimizer.safetensors"
  private static let mapsFile = "distillation.safetensors"
  private static let bestFile = "best.safetensors"

  /// The checkpoint after the most steps; nil if there is none. What was not written whole does not count.
  public static func latestCheckpoint(in directory: String) throws(CheckpointError) -> String? {
    guard try PathKind(path: directory) == .directory else { return nil }
    return try checkpoints(in: directory).last?.path
  }

  /// The checkpoints by their steps.
  private static func checkpoints(
    in directory: String
  ) throws(CheckpointError) -> [(step: Int, path: String)] {
    var found: [(step: Int, path: String)] = []
    for name in try Directory.names(in: directory) {
      let path = Directory.join(directory, name)
      guard name.hasPrefix("checkpoint-"), let step = Int(name.dropFirst("checkpoint-".count)),
        try PathKind(path: Directory.join(path, stateFile)) == .file
      else { continue }
      found.append((step, path))
    }
    return found.sorted { $0.step < $1.step }
  }

  /// Writes model, optimizer and state: the state last, so that a checkpoint that has one is whole.
  ///
  /// - Parameters:
  ///   - rate: The learning rate of the next step.
  ///   - maps: What learns beside the model.
  ///   - best: The numbers of parameters at the best evaluation, where they are needed at the end.
  func writeCheckpoint(
    _ state: TrainerState, _ optimizer: any Optimizer, _ settings: TrainingSettings, rate: Double,
    maps: [Parameter], best: [(Parameter, StoredMatrix)]
  ) throws(CheckpointError) {
    let path = Directory.join(directory, "checkpoint-\(state.step)")
    guard try PathKind(path: Directory.join(path, Self.stateFile)) == .nothing else { return }
    try saveModel(path)
    try Self.graph(of: optimizer).write(overAnyFileAt: Directory.join(path, Self.optimizerFile))
    try Self.write(
      try maps.map { (map) throws(CheckpointError) in (map, try map.values) },
      to: Directory.join(path, Self.mapsFile))
    try Self.write(best, to: Directory.join(path, Self.bestFile))
    if settings.writesTorchState {
      try Self.writeTorchState(optimizer, settings, step: state.step, rate: rate, to: path)
    }
    try write(
      state.json(settings, bestCheckpoint: try bestCheckpoint(state, settings)),
      to: Directory.join(path, Self.stateFile))
    try removeCheckpoints(state, settings)
  }

  /// The checkpoint of the best evaluation, where training ends with the model of that one; nil if none was written at its step.
  private func bestCheckpoint(
    _ state: TrainerState, _ settings: TrainingSettings
  ) throws(CheckpointError) -> String? {
    guard settings.patience != nil, let best = state.best else { return nil }
    let path = Directory.join(directory, "checkpoint-\(best.step)")
    return try PathKind(path: path) == .directory ? path : nil
  }

  /// Removes the oldest checkpoints that are too many. The latest one stays, and so does that of the best evaluation (`rotate_checkpoints`,
  /// Transformers 5.23).
  private func removeCheckpoints(
    _ state: TrainerState, _ settings: TrainingSettings
  ) throws(CheckpointError) {
    guard let keep = settings.keep else { return }
    let best = try bestCheckpoint(state, settings)
    let all = try Self.checkpoints(in: directory)
    let others = all.dropLast().filter { $0.path != best }
    for checkpoint in others.prefix(max(0, all.count - keep)) {
      // The state first: what is left of it is no checkpoint.
      try Directory.removeFile(Directory.join(checkpoint.path, Self.stateFile))
      try Self.remove(checkpoint.path)
    }
  }

  private static func remove(_ checkpoint: String) throws(CheckpointError) {
    for name in try Directory.names(in: checkpoint) {
      try Directory.removeFile(Directory.join(checkpoint, name))
    }
    Directory.removeIfEmpty(checkpoint)
  }

  /// Removes what a run that was killed left of checkpoints that it was writing, or removing. Only for a directory that this program
  /// trains in; what holds other directories, or no file of a model, is left alone.
  public func removeRemains() throws(CheckpointError) {
    for name in try Directory.names(in: directory) {
      let path = Directory.join(directory, name)
      guard name.hasPrefix("checkpoint-"), Int(name.dropFirst("checkpoint-".count)) != nil,
        try PathKind(path: path) == .directory,
        try PathKind(path: Directory.join(path, Self.stateFile)) == .nothing
      else { continue }
      let files = try Directory.names(in: path)
      let kinds = try files.map { (file) throws(CheckpointError) in
        try PathKind(path: Directory.join(path, file))
      }
      guard kinds.allSatisfy({ $0 == .file }),
        files.isEmpty
          || files.contains(where: { $0.hasSuffix(".safetensors") || $0.hasSuffix(".json") })
      else { continue }
      try Self.remove(path)
    }
  }

  /// Writes numbers of parameters by their names; no file for none.
  private static func write(
    _ values: [(parameter: Parameter, numbers: StoredMatrix)], to path: String
  ) throws(CheckpointError) {
    guard !values.isEmpty else { return }
    var graph = WeightGraph()
    for (parameter, numbers) in values {
      try graph.insert(
        try Weight(numbers, extents: parameter.extents), as: ExactName(parameter.name))
    }
    try graph.write(overAnyFileAt: path)
  }

  /// Writes the model and the results of a run that ended, as `save_metrics` of Trainer does: `train_results.json`, `eval_results.json`, and
  /// `all_results.json` with both.
  ///
  /// - Parameters:
  ///   - trainer: What has trained.
  ///   - training: What was measured of the training.
  ///   - evaluation: What was measured at the end; nil if nothing was.
  ///   - base: The model that training began with, for the card; nil to leave it out.
  public func finish(
    _ trainer: Trainer, training: [(name: String, value: Double)],
    evaluation: [(name: String, value: Double)]?, base: String? = nil
  ) throws(CheckpointError) {
    try saveModel(directory)
    let card = ModelCard(
      trainer: trainer, base: base, training: training,
      evaluation: evaluation?.filter { !Self.isOfRun($0.name) })
    try write(card.text, to: Directory.join(directory, "README.md"))
    func object(_ values: [(name: String, value: Double)]) -> JSONValue {
      .object(values.map { JSONValue.Member(ExactName($0.name), .double($0.value)) })
    }
    let best = try bestCheckpoint(trainer.state, trainer.settings)
    try write(
      trainer.state.json(trainer.settings, bestCheckpoint: best),
      to: Directory.join(directory, Self.stateFile))
    try write(object(training), to: Directory.join(directory, "train_results.json"))
    if let evaluation {
      try write(object(evaluation), to: Directory.join(directory, "eval_results.json"))
    }
    let other = (evaluation ?? []).filter { value in
      !training.contains { $0.name == value.name }
    }
    try write(object(training + other), to: Directory.join(directory, "all_results.json"))
  }

  /// True for what tells of a run, and not of its model.
  private static func isOfRun(_ name: String) -> Bool {
    name == "epoch" || name.hasSuffix("_runtime") || name.hasSuffix("_per_second")
  }

  /// Writes the log, and a picture of it.
  func write(log: [TrainerState.Entry]) throws(CheckpointError) {
    let lines = log.map { JSONWriter.text($0.json) + "\n" }.joined()
    try write(lines, to: Directory.join(directory, "log.jsonl"))
    try write(LogPicture(log).text, to: Directory.join(directory, "log.svg"))
  }

  private func write(_ value: JSONValue, to path: String) throws(CheckpointError) {
    try write(JSONWriter.text(value, style: .indented) + "\n", to: path)
  }

  private func write(_ text: String, to path: String) throws(CheckpointError) {
    let file = try OutputFile(path: path)
    try file.write(Array(text.utf8), at: 0)
    try file.commit()
  }
}

// MARK: What optimizers remember

extension TrainingOutput {
  /// The state in a checkpoint of a run with these settings.
  static func state(
    in checkpoint: String, _ settings: TrainingSettings
  ) throws(CheckpointError) -> TrainerState {
    let path = Directory.join(checkpoint, stateFile)
    guard try PathKind(path: path) == .file else {
      throw CheckpointError(.notFound, file: path, "there is no checkpoint to go on from")
    }
    let document = try SourceFile(path: path).document()
    return try TrainerState(document, settings, file: path)
  }

  /// Throws `mismatch` for settings or a task that are others than those that the run of a checkpoint was begun with.
  package static func check(
    _ settings: TrainingSettings, _ task: TrainingTask, against checkpoint: String
  ) throws(CheckpointError) {
    var settings = settings
    settings.circumstances = task.circumstances
    _ = try state(in: checkpoint, settings)
  }

  /// Gives what learned beside a model the numbers of a checkpoint.
  ///
  /// - Throws: `notFound` for a map that the checkpoint lacks, `mismatch` for one of another shape.
  static func restore(_ maps: [Parameter], from checkpoint: String) throws(CheckpointError) {
    guard !maps.isEmpty else { return }
    let values = try values(
      of: maps, in: Directory.join(checkpoint, mapsFile), otherwise: "the states were other ones")
    for (map, numbers) in zip(maps, values) { try map.replace(numbers) }
  }

  /// The numbers of parameters at the best evaluation before a checkpoint; none if that run did not end by evaluations.
  static func best(
    of parameters: [Parameter], in checkpoint: String
  ) throws(CheckpointError) -> [StoredMatrix] {
    let path = Directory.join(checkpoint, bestFile)
    guard try PathKind(path: path) == .file else { return [] }
    return try values(of: parameters, in: path, otherwise: "other parameters learned")
  }

  private static func values(
    of parameters: [Parameter], in path: String, otherwise reason: String
  ) throws(CheckpointError) -> [StoredMatrix] {
    let graph = try Checkpoint.open(path).graph
    return try parameters.map { (parameter) throws(CheckpointError) in
      guard let weight = graph.weights[ExactName(parameter.name)] else {
        throw CheckpointError(.notFound, file: path, tensor: parameter.name, reason)
      }
      guard weight.shape.dimensions == parameter.extents else {
        throw CheckpointError(
          .mismatch, file: path, tensor: parameter.name,
          "expected the shape \(parameter.extents), found \(weight.shape.dimensions)")
      }
      return try weight.matrix(like: parameter)
    }
  }

  /// What an optimizer remembers as weights: `exp_avg/<parameter>`, and the number of steps as `step/<parameter>`.
  private static func graph(of optimizer: any Optimizer) throws(CheckpointError) -> WeightGraph {
    var graph = WeightGraph()
    for (parameter, state) in zip(optimizer.parameters, optimizer.state) {
      guard let state else { continue }
      try graph.insert(
        try Weight([Double(state.step)], named: "step"), as: ExactName("step/" + parameter.name))
      for (name, numbers) in state.values {
        try graph.insert(
          try Weight(numbers, extents: parameter.extents),
          as: ExactName("\(name)/\(parameter.name)"))
      }
    }
    return graph
  }

  /// What an optimizer of some parameters remembered in a checkpoint after some steps.
  static func optimizerState(
    in checkpoint: String, of parameters: [Parameter], _ settings: TrainingSettings, step: Int
  ) throws(CheckpointError) -> [ParameterState?] {
    let path = Directory.join(checkpoint, optimizerFile)
    if try PathKind(path: path) == .nothing,
      try PathKind(path: Directory.join(checkpoint, torchOptimizerFile)) == .file
    {
      try checkTorchSchedule(in: checkpoint, settings, step: step)
      return try torchOptimizerState(in: checkpoint, of: parameters)
    }
    let graph = try Checkpoint.open(path).graph
    do throws(CheckpointError) {
      return try parameters.map { (parameter) throws(CheckpointError) in
        let counted = "step/" + parameter.name
        guard let count = graph.weights[ExactName(counted)] else { return nil }
        let step = try count.stepCount(named: counted, file: path)
        var values: [(name: String, numbers: StoredMatrix)] = []
        for name in ["momentum_buffer", "exp_avg", "exp_avg_sq"] {
          guard let weight = graph.weights[ExactName("\(name)/\(parameter.name)")] else { continue }
          values.append((name, try weight.matrix(like: parameter)))
        }
        return ParameterState(step: step, values: values)
      }
    } catch {
      throw error.site.file == nil ? error.inFile(path) : error
    }
  }
}

extension Weight {
  /// The number of steps that it holds.
  ///
  /// - Throws: `malformed` for anything else than one number of steps.
  func stepCount(named name: String, file: String) throws(CheckpointError) -> Int {
    let numbers = try numbers()
    guard numbers.count == 1, let count = Int(exactly: numbers[0]), count >= 0 else {
      throw CheckpointError(
        .malformed, file: file, tensor: name,
        "expected a number of steps, found \(numbers.first.map { "\($0)" } ?? "nothing")")
    }
    return count
  }
}

extension Weight {
  init(_ values: [Double], named name: String) throws(CheckpointError) {
    let bytes = values.flatMap(\.bitPattern.littleEndianBytes)
    self.init(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: name), dtype: .f64,
        layout: StridedLayout(packed: Shape([values.count]) ?? .scalar)))
  }

  /// Numbers of the engine, which have been let go when this is read: a copy.
  init(_ numbers: StoredMatrix, extents: [Int]) throws(CheckpointError) {
    var bytes: [UInt8] = []
    unsafe numbers.withBytes { (buffer) in unsafe bytes.append(contentsOf: buffer) }
    self.init(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: "optimizer"), dtype: .f32,
        layout: StridedLayout(packed: Shape(extents) ?? .scalar)))
  }

  /// The numbers as what an optimizer remembers of a parameter.
  func matrix(like parameter: Parameter) throws(CheckpointError) -> StoredMatrix {
    try StoredMatrix(
      rows: parameter.rows, columns: parameter.columns, try numbers().map(Float.init))
  }

  func numbers() throws(CheckpointError) -> [Double] {
    let bytes = try unsafe withNewBytes(count: byteCount) { (buffer) throws(CheckpointError) in
      try unsafe read(at: 0, into: buffer)
    }
    var values: [Double] = []
    unsafe bytes.withUnsafeBytes { unsafe dtype.doubles($0, into: &values) }
    return values
  }
}
