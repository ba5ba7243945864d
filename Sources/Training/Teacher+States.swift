internal import CheckpointBytes
internal import LanguageModels
internal import TensorEngine

/// A hidden state of a pupil that is to be like one of its teacher's: numbers of `hidden_states`, 0 the embeddings and n what layer n
/// gives.
public struct StateMatch: Sendable, Hashable {
  /// The pupil's.
  public let pupil: Int
  /// The teacher's.
  public let teacher: Int

  /// A match.
  public init(pupil: Int, teacher: Int) {
    self.pupil = pupil
    self.teacher = teacher
  }

  static func check(_ matches: [StateMatch], weight: Double) throws(CheckpointError) {
    guard weight >= 0, weight.isFinite else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "weight of states"),
        "expected a number not below 0, found \(weight)")
    }
    guard Set(matches).count == matches.count else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "states"), "the same two are matched twice")
    }
  }
}

extension Teacher {
  /// What is asked of a pupil and of the teacher beside their scores.
  var extras: RunOptions.Extras { states.isEmpty ? [] : .hiddenStates }

  /// Throws `mismatch` for a state that one of both does not have.
  func checkStates(_ pupil: any LanguageModel) throws(CheckpointError) {
    for match in states {
      for (name, number, model) in [
        ("pupil", match.pupil, pupil), ("teacher", match.teacher, self.model),
      ] where !(0...model.configuration.layerCount).contains(number) {
        throw CheckpointError(
          .mismatch, CheckpointError.Site(field: "states"),
          "the \(name) has hidden states 0 to \(model.configuration.layerCount), \(number) is asked for"
        )
      }
    }
  }

  /// Linear maps of the pupil's states to the teacher's, which learn beside the pupil; nil where both are equally wide.
  func maps(
    for pupil: any LanguageModel, seed: UInt64
  ) throws(CheckpointError) -> [Linear?] {
    let (ours, theirs) = (pupil.configuration.hiddenSize, model.configuration.hiddenSize)
    guard ours != theirs else { return states.map { _ in nil } }
    return try states.map { (match) throws(CheckpointError) in
      try Linear(
        "distillation.states.\(match.pupil).\(match.teacher)", ours, theirs, seed: seed,
        in: pupil.context)
    }
  }

  /// The weight times the mean over matches of the mean square of the differences, over all tokens that are no padding (the `MSELoss` of
  /// TinyBERT's layers: Jiao et al., 2020).
  func distance(
    _ outputs: ModelOutputs, _ own: ModelOutputs, _ batch: ExampleBatch, _ maps: [Linear?],
    in context: ExecutionContext
  ) throws(CheckpointError) -> Tensor {
    let length = batch.lengths.max() ?? 0
    let places = batch.lengths.enumerated().flatMap { text, count in
      text * length..<text * length + count
    }
    func state(_ number: Int, of outputs: ModelOutputs) throws(CheckpointError) -> Tensor {
      guard let state = outputs["hidden_states.\(number)"]?.tensor else {
        throw CheckpointError(
          .notFound, CheckpointError.Site(field: "states"), "there is no state \(number)")
      }
      return try gatherRows(state, places, in: context)
    }
    var sum: Tensor?
    for (match, map) in zip(states, maps) {
      var ours = try state(match.pupil, of: outputs)
      if let map { ours = try map(ours) }
      let term = try meanSquaredError(
        ours, try state(match.teacher, of: own).detached, in: context)
      sum =
        try sum.map { (sum) throws(CheckpointError) in
          try TensorEngine.add(sum, term, in: context)
        } ?? term
    }
    guard let sum else { return try Tensor(rows: 1, columns: 1, [0]) }
    return try scale(sum, by: Float(statesWeight / Double(states.count)), in: context)
  }
}
