internal import CheckpointBytes
internal import TensorEngine

/// The scores of the tokens after the last one of each text that a run has new tokens of, `[texts, vocabulary]`.
typealias ScoreFunction = @Sendable (_ pass: ForwardPass) throws(CheckpointError) -> Tensor

/// The seen tokens of one prompt; padding is left out, as nobody sees it.
struct Prompt {
  var ids: [Int]
  var types: [Int]?
  var positions: [Int]
}

/// A model that keeps the keys and values of what it has seen, and computes each token once.
struct CachedDecoder: TokenDecoder {
  /// What a decoder needs to know of its model.
  struct Model: Sendable {
    let context: ExecutionContext
    let layers: Int
    let heads: Int
    let headSize: Int
    let vocabularySize: Int
    let positionCount: Int
    let scores: ScoreFunction
  }

  private let model: Model
  private let prompts: [Prompt]
  /// Each prompt is continued so many times.
  private let copies: Int
  private let caches: [KeyValueCache]
  /// Of each text, the position of its next token, and its type.
  private var nextPositions: [Int]
  private var types: [Int]?

  var vocabularySize: Int { model.vocabularySize }

  init(_ model: Model, _ prompts: [Prompt], copies: Int) throws(CheckpointError) {
    self.model = model
    self.prompts = prompts
    self.copies = copies
    caches = try (0..<model.layers).map { (_) throws(CheckpointError) in
      try KeyValueCache(
        sequences: prompts.count, heads: model.heads, headSize: model.headSize)
    }
    nextPositions = prompts.map { ($0.positions.last ?? -1) + 1 }
    let last = prompts.compactMap { $0.types?.last }
    types = last.count == prompts.count ? last : nil
  }

  mutating func begin() throws(CheckpointError) -> [Float] {
    let lengths = prompts.map(\.ids.count)
    let scores = try run(
      ids: prompts.flatMap(\.ids), types: types == nil ? nil : prompts.flatMap { $0.types ?? [] },
      positions: prompts.flatMap(\.positions), lengths: lengths)
    guard copies > 1 else { return scores }
    // Each prompt is computed once, whatever is made of it.
    try reorder(prompts.indices.flatMap { Array(repeating: $0, count: copies) })
    let width = vocabularySize
    return prompts.indices.flatMap { prompt in
      repeatElement(scores[(prompt * width)..<((prompt + 1) * width)], count: copies).joined()
    }
  }

  mutating func advance(_ tokens: [Int?]) throws(CheckpointError) -> [Float] {
    let texts = tokens.indices.filter { tokens[$0] != nil }
    if let text = texts.first(where: { nextPositions[$0] >= model.positionCount }) {
      throw inputFailure(
        .inconsistent, "max_new_tokens",
        "the text needs position \(nextPositions[text]), the model has \(model.positionCount) rows "
          + "of them", remedy: "generate fewer tokens")
    }
    let scores = try run(
      ids: tokens.compactMap { $0 }, types: types.map { types in texts.map { types[$0] } },
      positions: texts.map { nextPositions[$0] }, lengths: tokens.map { $0 == nil ? 0 : 1 })
    for text in texts { nextPositions[text] += 1 }
    return scores
  }

  mutating func reorder(_ origins: [Int]) throws(CheckpointError) {
    for cache in caches { try cache.reorder(origins) }
    nextPositions = origins.map { nextPositions[$0] }
    types = types.map { types in origins.map { types[$0] } }
  }

  /// The scores after the last new token of each text; zeros where there is no new one.
  private func run(
    ids: [Int], types: [Int]?, positions: [Int], lengths: [Int]
  ) throws(CheckpointError) -> [Float] {
    let pass = try ForwardPass(
      ids: ids, types: types, positions: positions, lengths: lengths, caches: caches,
      in: model.context)
    let scores = try model.scores(pass).values
    if !lengths.contains(0) { return scores }
    var spread: [Float] = []
    var row = 0
    for length in lengths {
      if length == 0 {
        spread += repeatElement(0, count: vocabularySize)
      } else {
        spread += scores[(row * vocabularySize)..<((row + 1) * vocabularySize)]
        row += 1
      }
    }
    return spread
  }
}
