internal import CheckpointBytes
internal import Checkpoints
internal import Conversion
internal import OrderedCollections
internal import TensorEngine
internal import TensorValues
internal import WeightGraph

/// What optimizers remember as `torch.save` writes it: `optimizer.pt` and `scheduler.pt`, from which Transformers' `Trainer` goes on
/// (5.23), and from which training here does.
extension TrainingOutput {
  static let torchOptimizerFile = "optimizer.pt"
  static let torchSchedulerFile = "scheduler.pt"
  private typealias Entry = InertValue.Entry

  /// Writes both files to a checkpoint.
  ///
  /// - Parameter rate: The learning rate of the next step.
  static func writeTorchState(
    _ optimizer: any Optimizer, _ settings: TrainingSettings, step: Int, rate: Double,
    to checkpoint: String
  ) throws(CheckpointError) {
    var graph = WeightGraph()
    var states: [Entry] = []
    // Trainer's groups: matrices, then biases and norms, each without what is frozen.
    let learning = zip(optimizer.parameters, optimizer.state).filter { $0.0.requiresGradient }
    for (number, (parameter, state)) in learning.enumerated() {
      guard let state else { continue }
      var values: [Entry] = []
      if settings.method != .sgd {
        let name = ExactName("state.\(number).step")
        try graph.insert(try Weight(step: state.step), as: name)
        values.append(Entry(.string("step"), .weight(name)))
      }
      for (key, numbers) in state.values {
        let name = ExactName("state.\(number).\(key)")
        try graph.insert(try Weight(numbers, extents: parameter.extents), as: name)
        values.append(Entry(.string(key), .weight(name)))
      }
      states.append(Entry(.integer(Int64(number)), .dictionary(values)))
    }
    let matrices = learning.prefix { $0.0.extents.count > 1 }.count
    let groups = [
      group(settings, decay: settings.weightDecay, rate, 0..<matrices),
      group(settings, decay: 0, rate, matrices..<learning.count),
    ]
    graph.facts.tree = .dictionary([
      Entry(.string("state"), .dictionary(states)),
      Entry(.string("param_groups"), .list(groups)),
    ])
    try graph.write(overAnyFileAt: Directory.join(checkpoint, torchOptimizerFile))
    // The last rates are tensors, as torch and Trainer take them too: a file here has at least one.
    var schedule = WeightGraph()
    let last = (0..<groups.count).map { ExactName("_last_lr.\($0)") }
    for name in last { try schedule.insert(try Weight([rate], named: name.string), as: name) }
    schedule.facts.tree = InertValue.dictionary([
      ("base_lrs", .list([.float(settings.learningRate), .float(settings.learningRate)])),
      ("last_epoch", .integer(Int64(step))), ("_step_count", .integer(Int64(step + 1))),
      ("_is_initial", .boolean(false)), ("_get_lr_called_within_step", .boolean(false)),
      ("_last_lr", .list(last.map { .weight($0) })),
      ("lr_lambdas", .list([.dictionary([Entry]()), .dictionary([Entry]())])),
    ])
    try schedule.write(overAnyFileAt: Directory.join(checkpoint, torchSchedulerFile))
  }

  /// Settings of a group as torch 2.13 has them.
  private static func group(
    _ settings: TrainingSettings, decay: Double, _ rate: Double, _ numbers: Range<Int>
  ) -> InertValue {
    var entries: [(String, InertValue)] = [("weight_decay", .float(decay)), ("lr", .float(rate))]
    switch settings.method {
    case .adam, .adamW:
      entries += [
        ("betas", .tuple([.float(0.9), .float(0.999)])), ("eps", .float(1e-8)),
        ("amsgrad", .boolean(false)), ("maximize", .boolean(false)), ("foreach", .none),
        ("capturable", .boolean(false)), ("differentiable", .boolean(false)), ("fused", .none),
        ("decoupled_weight_decay", .boolean(settings.method == .adamW)),
      ]
    case .sgd:
      entries += [
        ("momentum", .float(0.9)), ("dampening", .float(0)), ("nesterov", .boolean(false)),
        ("maximize", .boolean(false)), ("foreach", .none), ("differentiable", .boolean(false)),
        ("fused", .none),
      ]
    }
    entries += [
      ("initial_lr", .float(settings.learningRate)),
      ("params", .list(numbers.map { .integer(Int64($0)) })),
    ]
    return InertValue.dictionary(entries)
  }

  /// Looks that the schedule that a checkpoint has in `scheduler.pt` is the one of a run that is to go on from it.
  ///
  /// - Throws: `mismatch` for another number of steps or another learning rate.
  static func checkTorchSchedule(
    in checkpoint: String, _ settings: TrainingSettings, step: Int
  ) throws(CheckpointError) {
    let path = Directory.join(checkpoint, torchSchedulerFile)
    guard try PathKind(path: path) == .file else { return }
    var options = OpenOptions()
    // Trainer's holds no tensor: what else it holds is wanted.
    options.keepsUnknownObjects = true
    guard let tree = try Checkpoint.open(path, options: options).graph.facts.tree else { return }
    func value(_ key: String) -> InertValue? { tree[.string(key)] }
    func mismatch(_ field: String, _ problem: String) -> CheckpointError {
      CheckpointError(.mismatch, file: path, field: field, problem)
    }
    if case .integer(let last)? = value("last_epoch"), last != Int64(step) {
      throw mismatch("last_epoch", "expected the \(step) steps of the other files, found \(last)")
    }
    if case .list(let rates)? = value("base_lrs"), case .float(let rate)? = rates.first,
      abs(rate - settings.learningRate) > 1e-9 * abs(rate)
    {
      throw mismatch(
        "base_lrs", "the learning rate was \(rate), \(settings.learningRate) is asked for")
    }
  }

  /// What an `optimizer.pt` remembers of the parameters of groups, which it numbers; frozen ones have no number.
  static func torchOptimizerState(
    in checkpoint: String, of parameters: [Parameter]
  ) throws(CheckpointError) -> [ParameterState?] {
    let path = Directory.join(checkpoint, torchOptimizerFile)
    let graph = try Checkpoint.open(path).graph
    let plain = graph.facts.tree?[.string("state")]
    var number = -1
    return try parameters.map { (parameter) throws(CheckpointError) in
      guard parameter.requiresGradient else { return nil }
      number += 1
      let prefix = "state.\(number)."
      var values: [(name: String, numbers: StoredMatrix)] = []
      for name in ["momentum_buffer", "exp_avg", "exp_avg_sq"] {
        guard let weight = graph.weights[ExactName(prefix + name)] else { continue }
        guard weight.shape.dimensions == parameter.extents else {
          throw CheckpointError(
            .mismatch, file: path, tensor: prefix + name,
            "expected the shape \(parameter.extents) of \(parameter.name), found "
              + "\(weight.shape.dimensions)",
            remedy: "the optimizer was another model's, or numbered its parameters otherwise")
        }
        values.append((name, try weight.matrix(like: parameter)))
      }
      guard !values.isEmpty else { return nil }
      let counted = prefix + "step"
      if let weight = graph.weights[ExactName(counted)] {
        return ParameterState(
          step: try weight.stepCount(named: counted, file: path), values: values)
      }
      // SGD counts nothing.
      guard values.contains(where: { $0.name == "exp_avg" }) else {
        return ParameterState(step: 1, values: values)
      }
      // Older versions of torch count in plain numbers.
      guard let step = plain?[.integer(Int64(number))]?[.string("step")]?.count else {
        throw CheckpointError(
          .notFound, file: path, tensor: counted, "expected the number of steps")
      }
      return ParameterState(step: step, values: values)
    }
  }
}

extension Weight {
  /// The number of steps as torch has it: a single float32.
  fileprivate init(step: Int) throws(CheckpointError) {
    let bytes = Float(step).bitPattern.littleEndianBytes
    self.init(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: "step"), dtype: .f32,
        layout: StridedLayout(packed: .scalar)))
  }
}

extension InertValue {
  /// A number of steps, from 0 to as many as torch's float32 tells apart.
  fileprivate var count: Int? {
    let number: Double
    switch self {
    case .integer(let integer): number = Double(integer)
    case .float(let double): number = double
    default: return nil
    }
    guard (0...0x1p24).contains(number) else { return nil }
    return Int(exactly: number)
  }
}
