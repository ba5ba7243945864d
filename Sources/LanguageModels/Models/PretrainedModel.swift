public import CheckpointBytes
public import LayoutRules
internal import TensorEngine

/// A model of a family with a head: each of Transformers' classes is one of these, under its name there.
///
/// What it gives, its class says; see the aliases beside the families.
public struct PretrainedModel<Family: DescribedFamily, Head: DescribedHead>: LanguageModel {
  /// What stands on the body.
  public static var head: ModelHead { Head.head }
  /// What was loaded.
  public let info: ModelInfo<PretrainedConfig<Family>>
  private let body: any ModelBody
  private let ranks: Set<Int>
  private let outputs: [Output]

  /// One result with its weights.
  private struct Output: Sendable {
    let described: HeadOutput
    let steps: HeadSteps
  }

  /// See ``LanguageModel``.
  public init(
    _ parameters: ModelParameters<PretrainedConfig<Family>>
  ) throws(CheckpointError) {
    let definition = Family.family.definition
    guard let described = definition.heads[Head.head] else {
      throw inputFailure(
        .unsupported, "architectures", "\(Family.family) has no head \(Head.head)")
    }
    try parameters.configuration.check(described)
    let parameters = parameters.collected()
    ranks = described.ranks
    // Heads first: where the word embeddings are the output matrix, they are looked up in what products read.
    outputs = try described.outputs.map { (output) throws(CheckpointError) in
      Output(described: output, steps: try HeadSteps(output.steps, parameters))
    }
    switch definition.body {
    case .encoder(let names): body = try EncoderBody(parameters, names)
    case .decoder(let names): body = try DecoderBody(parameters, names)
    }
    try parameters.takeUntied()
    info = ModelInfo(parameters)
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    var inputs = inputs
    var chosen: TokenArray?
    if outputs.contains(where: { $0.described.source == .summaryAlongSecond }) {
      chosen = inputs.choiceTokenIDs
      inputs.choiceTokenIDs = nil
    }
    let tokens = try body.tokens(inputs)
    if !ranks.contains(tokens.dimensions.count) {
      try tokens.require(rank: ranks.max() ?? 2, in: Self.className)
    }
    let rows = try outputs.map { (output) throws(CheckpointError) in
      try HeadRows(output.described.source, in: tokens, configuration, chosen: chosen)
    }
    let losses = try HeadLosses(inputs.labels, tokens, rows, configuration, Head.head)
    let counted = outputs.indices.map { number -> [Int]? in
      switch options.scoredTokens {
      case .all: nil
      case .labelled: losses.places(of: number)
      case .places(let places): rows[number].isAll ? places : nil
      }
    }
    let pass = try ForwardPass(
      tokens, configuration, options: options,
      needed: body.needed(tokens) + rows.flatMap(\.places) + losses.places
        + counted.flatMap { $0 ?? [] },
      isAll: zip(rows, counted).contains { $0.isAll && $1 == nil }, in: body.context)
    let hidden = try body(pass)
    let result = BodyResult(tokens: tokens, pass: pass, hidden: hidden)
    return try result.outputs { (found) throws(CheckpointError) in
      // What goes into the norm behind the layers is recorded before it gets the extents of the result.
      if configuration.normsLastHiddenState {
        found.reshapeLast("hidden_states", tokens.dimensions + [hidden.columns])
      }
      var results: [Tensor] = []
      for (number, (output, rows)) in zip(outputs, rows).enumerated() {
        guard var states = try rows.states(result, body) else { continue }
        let counted = counted[number]
        if let counted { states = try pass.rows(at: counted, of: states) }
        let columns = try output.steps(states, pass)
        results.append(columns)
        let name = output.described.name
        if let counted {
          let isFlat = output.described.form == .numbers
          found.append(name, [counted.count] + (isFlat ? [] : [columns.columns]), [columns])
          continue
        }
        switch (output.described.form, rows.extents) {
        case (.spans, _): try result.appendSpans(columns, to: &found)
        case (.numbers, _): try result.append(name, columns, isFlat: true, to: &found)
        case (.columns, nil): try result.append(name, columns, to: &found)
        case (.columns, let extents?):
          found.append(name, extents + [columns.columns], [columns])
        case (.choices, let extents): found.append(name, extents ?? [], [columns])
        }
      }
      for (name, parts) in try losses(
        results, pass, options.scoredTokens, body.context
      ).reversed() {
        try found.insertFirst(name, sumOf: parts, in: body.context)
      }
    }
  }
}

extension PretrainedModel: CausalLanguageModel where Head: GeneratingHead {
  /// The search for tokens.
  public var generator: TextGenerator {
    let (body, steps) = (body, outputs[0].steps)
    return TextGenerator(info, tables: body.tables, typesWithout: body.typesWithout) {
      (pass) throws(CheckpointError) in
      try withoutGradients { () throws(CheckpointError) in try steps(try body(pass), pass) }
    }
  }
}

extension PretrainedConfig {
  /// Refuses settings with which a head gives something else.
  fileprivate func check(_ head: HeadDescription) throws(CheckpointError) {
    let summaries: [HeadOutput.Source] = [.summary, .summaryAlongSecond]
    guard let summary = Family.family.definition.settings.summary,
      head.outputs.contains(where: { summaries.contains($0.source) })
    else { return }
    for (key, isSet, supported) in [
      ("summary_use_proj", projectsSummary, true),
      ("summary_proj_to_labels", projectsSummaryToLabels, summary.projectsToLabels),
    ] where isSet != supported {
      throw inputFailure(
        .unsupported, key, "\(isSet): the choice would be made otherwise",
        remedy: "supported is \(supported)")
    }
  }
}

extension PretrainedModel: CustomStringConvertible {
  /// The class and how many numbers it has learned: `BertForMaskedLM, 109514298 parameters`.
  public var description: String { "\(Self.className), \(parameters.elementCount) parameters" }
}
