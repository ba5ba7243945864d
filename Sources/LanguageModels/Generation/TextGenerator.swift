public import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// A text that a model went on with, and how probable it was.
public struct GeneratedText: Sendable, Hashable {
  /// The tokens, prompt and whatever fills the text up included.
  public let tokens: [Int]
  /// Of each new token up to the end of the text, the logarithm of its probability after all rules; of a beam the score that
  /// it had after them (`compute_transition_scores`, Transformers 5.23, normalized where there are no beams).
  public let logProbabilities: [Double]
  /// What a beam was ranked by (`sequences_scores`); nil where there are no beams.
  public var score: Double?
}

/// A causal language model as something that goes on with texts (`GenerationMixin`, Transformers 5.23).
public struct TextGenerator: Sendable {
  private let model: CachedDecoder.Model
  private let tables: TokenBatch.Tables
  private let typesWithout: Int?
  /// Why the model cannot go on with texts, if so.
  private let refusal: CheckpointError?

  init<Configuration: ModelConfig>(
    _ info: ModelInfo<Configuration>, tables: TokenBatch.Tables, typesWithout: Int?,
    scores: @escaping ScoreFunction
  ) {
    let sizes = info.architecture.sizes
    let heads = info.configuration.headCount
    model = CachedDecoder.Model(
      context: info.context, layers: sizes.layers, heads: heads, headSize: sizes.hidden / heads,
      vocabularySize: sizes.vocabulary, positionCount: sizes.positions, scores: scores)
    self.tables = tables
    self.typesWithout = typesWithout
    refusal =
      info.configuration.isCausal
      ? nil
      : inputFailure(
        .unsupported, "is_decoder", "false: a model that looks ahead cannot go on with a text",
        remedy: "set is_decoder to true")
  }

  /// Texts that go on from prompts, with whatever ends or fills them.
  ///
  /// - Parameters:
  ///   - inputs: `input_ids` `[batch, sequence]`, padded on the left, with an `attention_mask`. Without one it is taken from the
  ///     padding token, unless that also ends texts. Positions are counted over what the mask shows, from 0: for RoBERTa too,
  ///     unlike in a plain run, as the reference does.
  ///   - settings: How tokens are chosen.
  ///   - ends: True if a text, prompt included, is to end for reasons of the caller's own.
  ///   - received: Is given each step's tokens as they are chosen, one for each text, as ``stream(_:_:ends:)`` gives them.
  ///     Never called by beam search, which does not know its tokens before the end.
  /// - Returns: For each prompt as many texts as are asked for, the best first, prompts included, all of one length.
  /// - Throws: `malformed` or `inconsistent` for settings and inputs that make no sense, and if a text outgrows the model's
  ///   positions; `unsupported` if the model looks ahead; `cancelled` if the caller's task is.
  public func generate(
    _ inputs: ModelInputs, _ settings: GenerationSettings,
    ends: (_ tokens: [Int]) -> Bool = { _ in false },
    received: (_ tokens: [Int]) throws(CheckpointError) -> Void = { _ in }
  ) throws(CheckpointError) -> [[Int]] {
    try texts(inputs, settings, measures: false, ends: ends, received: received).map(\.tokens)
  }

  /// The same as ``generate(_:_:ends:received:)``, with how probable each token was.
  public func texts(
    _ inputs: ModelInputs, _ settings: GenerationSettings,
    ends: (_ tokens: [Int]) -> Bool = { _ in false },
    received: (_ tokens: [Int]) throws(CheckpointError) -> Void = { _ in }
  ) throws(CheckpointError) -> [GeneratedText] {
    try texts(inputs, settings, measures: true, ends: ends, received: received)
  }

  /// The texts of several prompts that are computed together, each as if it were alone: with its own lengths, rules and draws.
  ///
  /// - Parameters:
  ///   - prompts: One prompt each; they may have different lengths.
  ///   - settings: How tokens are chosen.
  ///   - ends: True if a text, prompt included, is to end for reasons of the caller's own.
  /// - Returns: What ``texts(_:_:ends:received:)`` gives for each prompt.
  /// - Throws: What that throws for any of them.
  package func texts(
    ofEach prompts: [ModelInputs], _ settings: GenerationSettings,
    ends: (_ tokens: [Int]) -> Bool = { _ in false }
  ) throws(CheckpointError) -> [[GeneratedText]] {
    try withoutActuallyEscaping(ends) { (ends) throws(CheckpointError) in
      let starts = try prompts.map { (inputs) throws(CheckpointError) in
        try prepare(inputs, settings)
      }
      guard let copies = starts.first?.copies else { return [] }
      var searches = starts.map { PromptSearch($0, ends: ends) }
      var decoder = try CachedDecoder(model, starts.flatMap(\.prompts), copies: copies)
      try PromptSearch.run(&searches, &decoder)
      return searches.map(\.results)
    }
  }

  private func texts(
    _ inputs: ModelInputs, _ settings: GenerationSettings, measures: Bool,
    ends: (_ tokens: [Int]) -> Bool,
    received: (_ tokens: [Int]) throws(CheckpointError) -> Void
  ) throws(CheckpointError) -> [GeneratedText] {
    let start = try prepare(inputs, settings)
    var decoder = try CachedDecoder(model, start.prompts, copies: start.copies)
    // The search ends before this function does.
    return try withoutActuallyEscaping(ends) { (ends) throws(CheckpointError) in
      if start.plan.beamCount > 1 {
        var searches = [PromptSearch(start, ends: ends)]
        try PromptSearch.run(&searches, &decoder)
        return searches[0].results
      }
      var search = start.search(ends: ends, measures: measures)
      try search.run(&decoder) { (tokens) throws(CheckpointError) in
        try received(tokens)
        try CheckpointError.throwIfCancelled()
        return true
      }
      return search.results
    }
  }

  /// The tokens of the texts as they are chosen, one for each text at a time; prompts are not repeated. A text that has ended
  /// goes on with padding. Ends early if the consumer stops asking, or its task is cancelled.
  ///
  /// Not for beam search, which does not know its tokens before the end: the stream then throws `unsupported`.
  public func stream(
    _ inputs: ModelInputs, _ settings: GenerationSettings,
    ends: @escaping @Sendable (_ tokens: [Int]) -> Bool = { _ in false }
  ) -> AsyncThrowingStream<[Int], any Error> {
    AsyncThrowingStream { continuation in
      let task = Task.detached {
        do {
          let start = try prepare(inputs, settings)
          guard start.plan.beamCount == 1 else {
            throw inputFailure(
              .unsupported, "num_beams", "\(start.plan.beamCount): beams are known at the end only")
          }
          var decoder = try CachedDecoder(model, start.prompts, copies: start.copies)
          var search = start.search(ends: ends, measures: false)
          try search.run(&decoder) { tokens in
            continuation.yield(tokens)
            return !Task.isCancelled
          }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }
}

/// A search about to begin.
struct SearchStart {
  let plan: GenerationPlan
  /// What the model sees of the prompts.
  let prompts: [Prompt]
  /// The prompts, padding included.
  let texts: [[Int]]
  let padding: [Int]

  /// How many texts a prompt is continued by at the same time.
  var copies: Int { plan.beamCount > 1 ? plan.beamCount : plan.returnedSequenceCount }

  /// The search without beams, in which each text has a row of its own from the start.
  func search(ends: @escaping (_ tokens: [Int]) -> Bool, measures: Bool) -> TokenSearch {
    func repeated<Element>(_ elements: [Element]) -> [Element] {
      elements.flatMap { Array(repeating: $0, count: plan.returnedSequenceCount) }
    }
    return TokenSearch(
      plan: plan, prompts: repeated(texts), padding: repeated(padding), ends: ends,
      measures: measures)
  }
}

extension TextGenerator {
  private func prepare(
    _ inputs: ModelInputs, _ settings: GenerationSettings
  ) throws(CheckpointError) -> SearchStart {
    if let refusal { throw refusal }
    let plan = try GenerationPlan(
      settings, promptLength: inputs.inputIDs.length, positionCount: model.positionCount,
      vocabularySize: model.vocabularySize)
    var inputs = inputs
    if inputs.attentionMask == nil {
      inputs.attentionMask = try inferredMask(inputs.inputIDs, plan)
    }
    let statesPositions = inputs.positionIDs != nil
    if !statesPositions {
      // Whatever the prompt's length: those of padding are not used.
      inputs.positionIDs = try TokenArray(
        dimensions: inputs.inputIDs.dimensions, elements: inputs.inputIDs.elements.map { _ in 0 })
    }
    let tokens = try TokenBatch(
      inputs, tables: tables, typesWithout: typesWithout, positionsAfterPadding: nil)
    try tokens.require(rank: 2, in: "generate")
    var prompts: [Prompt] = []
    var padding: [Int] = []
    for (sequence, first) in tokens.firstPlaces.enumerated() {
      let places = first..<(first + tokens.length)
      let seen = places.filter { tokens.isSeen?[$0] ?? true }
      guard seen.last == places.last else {
        throw inputFailure(
          .inconsistent, "attention_mask",
          seen.isEmpty ? "text \(sequence) has no token" : "text \(sequence) ends with padding",
          remedy: seen.isEmpty ? nil : "pad on the left")
      }
      guard statesPositions || seen.count <= model.positionCount else {
        throw inputFailure(
          .inconsistent, "input_ids",
          "text \(sequence) has \(seen.count) tokens, the model \(model.positionCount) positions",
          remedy: "shorten the text")
      }
      prompts.append(
        Prompt(
          ids: seen.map { tokens.ids[$0] },
          types: tokens.types.map { types in seen.map { types[$0] } },
          positions: statesPositions ? seen.map { tokens.positions[$0] } : Array(seen.indices)))
      padding.append(tokens.isSeen == nil ? 0 : seen[0] - first)
    }
    return SearchStart(
      plan: plan, prompts: prompts,
      texts: tokens.firstPlaces.map { first in
        Array(tokens.ids[first..<(first + tokens.length)])
      }, padding: padding)
  }

  /// `_prepare_attention_mask_for_generation`: nil if everything is to be seen.
  private func inferredMask(
    _ ids: TokenArray, _ plan: GenerationPlan
  ) throws(CheckpointError) -> TokenArray? {
    guard let pad = plan.padTokenID, !plan.eosTokenIDs.contains(pad), ids.elements.contains(pad)
    else { return nil }
    return try TokenArray(
      dimensions: ids.dimensions, elements: ids.elements.map { $0 == pad ? 0 : 1 })
  }
}
