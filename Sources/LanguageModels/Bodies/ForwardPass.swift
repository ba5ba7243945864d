internal import CheckpointBytes
internal import TensorEngine

/// One run of a body: which rows there are, what they may see, and what is recorded on the way.
///
/// The tokens of all sequences are the rows of one matrix. With padding left out there are only the rows that are needed.
final class ForwardPass {
  let context: ExecutionContext
  /// The embeddings' indices, one for each row.
  let ids: [Int]
  let types: [Int]?
  let positions: [Int]
  private(set) var hiddenStates: [Tensor] = []
  private(set) var attentions: [[Tensor]] = []
  private let extras: RunOptions.Extras
  private let batch: RaggedBatch
  /// The sequences, as far as they are rows.
  var sequences: RaggedBatch { batch }
  private let mask: AttentionMask
  /// The keys and values before the rows of this run, one cache for each layer; nil if there are none.
  private let caches: [KeyValueCache]?
  /// The rows that see nothing, where they are to be zeros.
  private let blindRows: [Int]
  /// For each place of the batch its row; nil if it is left out. No array if all places are rows.
  private let rowOfPlace: [Int?]?
  /// What puts other vectors in the place of words'.
  private let wordChange: RunOptions.WordChange?
  /// What chooses the numbers that are left out; nil outside of training.
  private let dropout: RunOptions.Dropout?
  /// The operators so far that left some out.
  private var drops: UInt32 = 0

  /// A run over a whole batch.
  ///
  /// - Parameter needed: The places whose rows the head takes, so that they are computed even where the mask hides them.
  init(
    _ tokens: TokenBatch, _ configuration: some ModelConfig, options: RunOptions, needed: [Int],
    in context: ExecutionContext
  ) throws(CheckpointError) {
    self.context = context
    extras = options.extras
    dropout = options.dropout
    wordChange = options.wordChange
    caches = nil
    let places = Array(tokens.ids.indices)
    var isSeen = tokens.isSeen
    if options.padding == .skipped, let seen = tokens.isSeen {
      guard !options.extras.contains(.attentions) else {
        throw inputFailure(
          .unsupported, "attentions", "they have a place for every position",
          remedy: "compute padding too")
      }
      var isRow = seen
      for place in needed { isRow[place] = true }
      let kept = places.filter { isRow[$0] }
      ids = kept.map { tokens.ids[$0] }
      types = tokens.types.map { types in kept.map { types[$0] } }
      positions = kept.map { tokens.positions[$0] }
      isSeen = kept.map { seen[$0] }
      var rows: [Int?] = Array(repeating: nil, count: places.count)
      for (row, place) in kept.enumerated() { rows[place] = row }
      rowOfPlace = rows
      let lengths = (0..<tokens.sequenceCount).map { sequence in
        isRow[(sequence * tokens.length)..<((sequence + 1) * tokens.length)].count { $0 }
      }
      batch = try RaggedBatch(lengths: lengths)
    } else {
      ids = tokens.ids
      types = tokens.types
      positions = tokens.positions
      rowOfPlace = nil
      batch = try RaggedBatch(count: tokens.sequenceCount, length: tokens.length)
    }
    mask = AttentionMask(configuration.isCausal ? .causal : .everywhere, keptKeys: isSeen)
    blindRows =
      options.blindRows(of: configuration) == .average
      ? [] : Self.blindRows(batch, isSeen, configuration.isCausal)
  }

  /// A run over new tokens of sequences whose keys and values so far are in caches; `lengths` has the number for each.
  init(
    ids: [Int], types: [Int]?, positions: [Int], lengths: [Int], caches: [KeyValueCache],
    in context: ExecutionContext
  ) throws(CheckpointError) {
    self.context = context
    self.ids = ids
    self.types = types
    self.positions = positions
    self.caches = caches
    dropout = nil
    wordChange = nil
    extras = []
    batch = try RaggedBatch(lengths: lengths)
    mask = .causal
    blindRows = []
    rowOfPlace = nil
  }

  private static func blindRows(
    _ batch: RaggedBatch, _ isSeen: [Bool]?, _ isCausal: Bool
  ) -> [Int] {
    guard let isSeen else { return [] }
    var blind: [Int] = []
    for sequence in 0..<batch.count {
      let rows = batch.starts[sequence]..<batch.starts[sequence + 1]
      let first = rows.first { isSeen[$0] } ?? rows.upperBound
      // Whoever sees anything sees the first that is seen, if that does not come later.
      if first == rows.upperBound {
        blind += rows
      } else if isCausal {
        blind += rows.lowerBound..<first
      }
    }
    return blind
  }

  /// The words' term of the embeddings, or what was put in its place.
  func words(_ lookup: EmbeddingLookup) throws(CheckpointError) -> EmbeddingLookup {
    guard let wordChange else { return lookup }
    let given = try embeddingSum([lookup], in: context)
    let rows = try wordChange(given)
    guard rows.rows == given.rows, rows.columns == given.columns else {
      throw inputFailure(
        .mismatch, "inputs_embeds",
        "extents [\(rows.rows), \(rows.columns)], expected [\(given.rows), \(given.columns)]")
    }
    return EmbeddingLookup(rows, Array(0..<rows.rows))
  }

  /// Attention over the columns of queries, keys and values beside each other, of one layer, `weights` being what made them.
  func attend(
    _ qkv: Tensor, of weights: LinearWeights, heads: Int, scale: Float, dropout rate: Float,
    layer: Int
  ) throws(CheckpointError) -> Tensor {
    if let cache = caches?[layer] {
      let width = qkv.columns / 3
      let query = try qkv.columns(0..<width)
      let key = try qkv.columns(width..<(2 * width))
      let value = try qkv.columns((2 * width)..<(3 * width))
      try cache.append(key: key, value: value, batch, in: context)
      return try attention(query: query, cache, scale: scale, batch, in: context).output
    }
    let wantsAttentions = extras.contains(.attentions)
    let result = try selfAttention(
      qkv, heads: heads, scale: scale, batch, mask: mask,
      probabilities: wantsAttentions ? .returned : .discarded, dropout: try nextDropout(rate),
      rounding: weights.element == .int8 ? .asInt8 : .asPrecision, in: context)
    if wantsAttentions { attentions.append(result.probabilities) }
    return blindRows.isEmpty
      ? result.output : try zeroingRows(result.output, blindRows, in: context)
  }

  /// Which numbers the next operator leaves out; nil if none.
  private func nextDropout(_ rate: Float) throws(CheckpointError) -> Dropout? {
    guard let dropout, rate > 0 else { return nil }
    defer { drops += 1 }
    return try Dropout(rate: rate, seed: dropout.seed, step: dropout.step, stream: drops)
  }

  /// The input, of which training leaves out some numbers.
  func drop(_ input: Tensor, _ rate: Float) throws(CheckpointError) -> Tensor {
    guard let choice = try nextDropout(rate) else { return input }
    return try TensorEngine.dropout(input, choice, in: context)
  }

  /// A linear layer, of whose result training leaves out some numbers, plus a residual.
  func linear(
    _ input: Tensor, _ weights: LinearWeights, dropout rate: Float, adding residual: Tensor
  ) throws(CheckpointError) -> Tensor {
    guard let choice = try nextDropout(rate) else {
      return try TensorEngine.linear(input, weights, adding: residual, in: context)
    }
    return try TensorEngine.dropout(
      TensorEngine.linear(input, weights, in: context), choice, adding: residual, in: context)
  }

  /// The row of a place; nil if it is left out.
  func row(of place: Int) -> Int? {
    guard let rowOfPlace else { return place }
    return rowOfPlace[place]
  }

  /// Keeps a hidden state, if that is asked for.
  func record(_ hidden: Tensor) {
    if extras.contains(.hiddenStates) { hiddenStates.append(hidden) }
  }

  /// The rows of some places; all of them have one.
  func rows(at places: [Int], of hidden: Tensor) throws(CheckpointError) -> Tensor {
    try gatherRows(hidden, places.map { rowOfPlace?[$0] ?? $0 }, in: context)
  }

  /// A result with a row for every place, zeros where padding was left out.
  func spread(_ result: Tensor) throws(CheckpointError) -> Tensor {
    guard let rowOfPlace else { return result }
    let places = rowOfPlace.indices.filter { rowOfPlace[$0] != nil }
    return try spreadingRows(result, to: places, of: rowOfPlace.count, in: context)
  }
}
