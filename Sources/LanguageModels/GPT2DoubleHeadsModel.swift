public import CheckpointBytes
public import LayoutRules
internal import TensorEngine

/// GPT-2 that goes on with texts and chooses among them (`modeling_gpt2.py`, Transformers 5.23). Takes
/// `[batch, choices, sequence]`, or `[batch, sequence]`; gives `logits` with one extent more, of the vocabulary, and
/// `mc_logits`: the extents without the sequence's, for `summary_type` `cls_index`.
///
/// The other types look along the second extent, whatever it is: for choices that is not the sequence, but the reference
/// does it. Recorded hidden states count choices as sequences, but for the last, if that has gone through `ln_f`.
public struct GPT2DoubleHeadsModel: LanguageModel {
  /// Scores of the next token, and a number for the choice.
  public static var head: ModelHead { .doubleHeads }
  /// What was loaded.
  public let info: ModelInfo<GPT2Config>
  private let transformer: GPT2Body
  private let lmHead: LinearWeights
  private let summary: LinearWeights
  private let summaryActivation: Activation

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<GPT2Config>) throws(CheckpointError) {
    let configuration = parameters.configuration
    for (key, isSet) in [
      ("summary_use_proj", configuration.projectsSummary),
      ("summary_proj_to_labels", configuration.projectsSummaryToLabels),
    ] where !isSet {
      throw inputFailure(
        .unsupported, key, "false: the choice would be no number", remedy: "supported is true")
    }
    info = ModelInfo(parameters)
    lmHead = try parameters["lm_head"].linear()
    transformer = try GPT2Body(parameters, head: lmHead)
    summary = try parameters["multiple_choice_head.summary"].linear()
    summaryActivation =
      try configuration.summaryActivation.map { (name) throws(CheckpointError) in
        try SettingsReader.activation(name, key: "summary_activation")
      } ?? .identity
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    var shared = inputs
    shared.choiceTokenIDs = nil
    let tokens = try transformer.tokens(shared)
    if tokens.dimensions.count != 2 { try tokens.require(rank: 3, in: Self.className) }
    let rows = try summaryRows(tokens, inputs.choiceTokenIDs)
    let result = try transformer.run(tokens, options, needed: Array(rows.sets.joined()))
    return try result.outputs { (outputs) throws(EngineError) in
      // What goes into `ln_f` is recorded before it gets the extents of the result.
      if configuration.normsLastHiddenState {
        outputs.reshapeLast("hidden_states", tokens.dimensions + [result.hidden.columns])
      }
      let context = transformer.context
      let logits = try linear(result.hidden, lmHead, in: context)
      try result.append("logits", logits, to: &outputs)
      let mean = try mean(of: rows.sets, result)
      let choice = try linear(mean, summary, activation: summaryActivation, in: context)
      outputs.append("mc_logits", rows.dimensions, [choice])
    }
  }

  /// The places whose mean stands for a sequence, in sets that are added up; and the extents of what comes of it.
  private func summaryRows(
    _ tokens: TokenBatch, _ stated: TokenArray?
  ) throws(CheckpointError) -> (sets: [[Int]], dimensions: [Int]) {
    let extents = tokens.dimensions
    if configuration.summaryType == .classIndex {
      let sequences = Array(extents.dropLast())
      guard let stated else { return ([tokens.lastPlaces], sequences) }
      guard stated.dimensions == sequences else {
        throw inputFailure(
          .mismatch, "mc_token_ids", "extents \(stated.dimensions), expected \(sequences)")
      }
      if let place = stated.elements.firstIndex(where: { !(0..<tokens.length).contains($0) }) {
        throw inputFailure(
          .inconsistent, "mc_token_ids" + stated.place(of: place),
          "\(stated.elements[place]) is outside the sequence of \(tokens.length) tokens")
      }
      return ([zip(tokens.firstPlaces, stated.elements).map { $0 + $1 }], sequences)
    }
    let inner = extents.count == 3 ? tokens.length : 1
    let sets = (0..<extents[1]).map { index in
      (0..<extents[0]).flatMap { batch in
        (0..<inner).map { (batch * extents[1] + index) * inner + $0 }
      }
    }
    let dimensions = [extents[0]] + extents.dropFirst(2)
    switch configuration.summaryType {
    case .first: return ([sets[0]], dimensions)
    case .last: return ([sets[sets.count - 1]], dimensions)
    case .mean, .classIndex: return (sets, dimensions)
    }
  }

  private func mean(of sets: [[Int]], _ result: BodyResult) throws(EngineError) -> Tensor {
    var sum = try result.pass.rows(at: sets[0], of: result.hidden)
    for places in sets.dropFirst() {
      sum = try add(
        sum, try result.pass.rows(at: places, of: result.hidden), in: transformer.context)
    }
    guard sets.count > 1 else { return sum }
    return try scale(sum, by: 1 / Float(sets.count), in: transformer.context)
  }
}
