internal import CheckpointBytes
internal import TensorEngine

/// One run of a body: which rows there are, what they may see, and what is recorded on the way.
///
/// The tokens of all sequences are the rows of one matrix. With padding left out there are only the rows that are needed.
final class ForwardPass {
  /// What a run is: nothing of it changes on the way.
  private struct Plan: Sendable {
    let context: ExecutionContext
    let ids: [Int]
    let types: [Int]?
    let positions: [Int]
    let options: RunOptions
    let batch: RaggedBatch
    let mask: AttentionMask
    /// The rows that see nothing, where they are to be zeros.
    let blindRows: [Int]
    /// For each place of the batch its row; nil if it is left out. No array if all places are rows.
    let rowOfPlace: [Int?]?
    /// The rows that anything is made of behind the last layer, in rising order; nil if it is all of them.
    let lastRows: [Int]?
  }

  private let plan: Plan
  var context: ExecutionContext { plan.context }
  /// The embeddings' indices, one for each row.
  var ids: [Int] { plan.ids }
  var types: [Int]? { plan.types }
  var positions: [Int] { plan.positions }
  private(set) var hiddenStates: [Tensor] = []
  private(set) var attentions: [[Tensor]] = []
  /// Whether states and attentions are kept that were asked for: not where a part is computed again.
  private let records: Bool
  /// The sequences, as far as they are rows.
  var sequences: RaggedBatch { plan.batch }
  /// The keys and values before the rows of this run, one cache for each layer; nil if there are none.
  private let caches: [KeyValueCache]?
  private var rowOfPlace: [Int?]? { plan.rowOfPlace }
  /// The rows that the last layer goes on with when all have looked at each other; nil if it is all of them. They are those of what the
  /// body gives, in this order.
  var lastRows: [Int]? { plan.lastRows }
  /// Those of them whose queries alone are looked up; nil if it is all, as for attentions that are kept, and where it matters at which
  /// place of its sequence a query stands.
  var lastQueries: [Int]? {
    plan.mask.reach == .causal || plan.options.extras.contains(.attentions) ? nil : plan.lastRows
  }
  /// The operators so far that left some numbers out.
  private var drops: UInt32

  /// A run over a whole batch.
  ///
  /// - Parameters:
  ///   - needed: The places whose rows the head takes, so that they are computed even where the mask hides them.
  ///   - isAll: False if nothing is made of any other row. States that are to be kept are of all rows.
  init(
    _ tokens: TokenBatch, _ configuration: some ModelConfig, options: RunOptions, needed: [Int],
    isAll: Bool, in context: ExecutionContext
  ) throws(CheckpointError) {
    caches = nil
    records = true
    drops = 0
    let isCausal = configuration.isCausal
    let zeroesBlind = options.blindRows(of: configuration) != .average
    func plan(
      ids: [Int], types: [Int]?, positions: [Int], isSeen: [Bool]?, _ batch: RaggedBatch,
      rowOfPlace: [Int?]?
    ) -> Plan {
      let lastRows =
        isAll || options.extras.contains(.hiddenStates)
        ? nil : Set(needed.map { rowOfPlace?[$0] ?? $0 }).sorted()
      return Plan(
        context: context, ids: ids, types: types, positions: positions, options: options,
        batch: batch, mask: AttentionMask(isCausal ? .causal : .everywhere, keptKeys: isSeen),
        blindRows: zeroesBlind ? Self.blindRows(batch, isSeen, isCausal) : [],
        rowOfPlace: rowOfPlace, lastRows: lastRows)
    }
    guard options.padding == .skipped, let seen = tokens.isSeen else {
      self.plan = plan(
        ids: tokens.ids, types: tokens.types, positions: tokens.positions, isSeen: tokens.isSeen,
        try RaggedBatch(count: tokens.sequenceCount, length: tokens.length), rowOfPlace: nil)
      return
    }
    guard !options.extras.contains(.attentions) else {
      throw inputFailure(
        .unsupported, "attentions", "they have a place for every position",
        remedy: "compute padding too")
    }
    let places = Array(tokens.ids.indices)
    var isRow = seen
    for place in needed { isRow[place] = true }
    let kept = places.filter { isRow[$0] }
    var rows: [Int?] = Array(repeating: nil, count: places.count)
    for (row, place) in kept.enumerated() { rows[place] = row }
    let lengths = (0..<tokens.sequenceCount).map { sequence in
      isRow[(sequence * tokens.length)..<((sequence + 1) * tokens.length)].count { $0 }
    }
    self.plan = plan(
      ids: kept.map { tokens.ids[$0] }, types: tokens.types.map { types in kept.map { types[$0] } },
      positions: kept.map { tokens.positions[$0] }, isSeen: kept.map { seen[$0] },
      try RaggedBatch(lengths: lengths), rowOfPlace: rows)
  }

  /// A run over new tokens of sequences whose keys and values so far are in caches; `lengths` has the number for each. What is made of
  /// it is made of the last token of each.
  init(
    ids: [Int], types: [Int]?, positions: [Int], lengths: [Int], caches: [KeyValueCache],
    in context: ExecutionContext
  ) throws(CheckpointError) {
    self.caches = caches
    records = true
    drops = 0
    let batch = try RaggedBatch(lengths: lengths)
    plan = Plan(
      context: context, ids: ids, types: types, positions: positions, options: RunOptions(),
      batch: batch, mask: .causal, blindRows: [], rowOfPlace: nil,
      lastRows: (0..<batch.count).filter { lengths[$0] > 0 }.map { batch.starts[$0 + 1] - 1 })
  }

  /// A part of a run over a whole batch once more, from where so many operators had left numbers out.
  private init(_ plan: Plan, drops: UInt32) {
    self.plan = plan
    self.drops = drops
    caches = nil
    records = false
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
    guard let wordChange = plan.options.wordChange else { return lookup }
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
    if caches != nil {
      let width = qkv.columns / 3
      return try attend(
        query: try qkv.columns(0..<width), of: nil, keyValue: try qkv.columns(width..<3 * width),
        from: weights, heads: heads, scale: scale, dropout: rate, layer: layer)
    }
    return try taken(
      try selfAttention(
        qkv, heads: heads, scale: scale, sequences, mask: plan.mask, probabilities: probabilities,
        dropout: try nextDropout(rate), rounding: Self.rounding(after: weights), in: context))
  }

  /// The same with keys and values beside each other, and queries of some rows; nil for all.
  func attend(
    query: Tensor, of rows: [Int]?, keyValue: Tensor, from weights: LinearWeights, heads: Int,
    scale: Float, dropout rate: Float, layer: Int
  ) throws(CheckpointError) -> Tensor {
    let width = query.columns
    let key = try keyValue.columns(0..<width)
    let value = try keyValue.columns(width..<2 * width)
    if let cache = caches?[layer] {
      try cache.append(key: key, value: value, sequences, in: context)
      return try attention(query: query, cache, scale: scale, sequences, in: context).output
    }
    let queries = try rows.map { (rows) throws(CheckpointError) in
      try sequences.restricted(to: rows)
    }
    return try taken(
      try attention(
        query: query, key: key, value: value, heads: heads, scale: scale, sequences,
        queries: queries, mask: plan.mask, probabilities: probabilities,
        dropout: try nextDropout(rate), rounding: Self.rounding(after: weights), in: context),
      of: rows)
  }

  private var probabilities: AttentionProbabilities {
    plan.options.extras.contains(.attentions) ? .returned : .discarded
  }

  private static func rounding(after weights: LinearWeights) -> AttentionRounding {
    weights.element == .int8 ? .asInt8 : .asPrecision
  }

  /// What attention gives for some rows, zeros for those that see nothing; nil for all rows. Attentions are kept, if they are asked for.
  private func taken(
    _ result: AttentionResult, of rows: [Int]? = nil
  ) throws(CheckpointError) -> Tensor {
    if probabilities == .returned, records { attentions.append(result.probabilities) }
    guard !plan.blindRows.isEmpty else { return result.output }
    let blind = Set(plan.blindRows)
    let places = rows.map { rows in rows.indices.filter { blind.contains(rows[$0]) } }
    return try zeroingRows(result.output, places ?? plan.blindRows, in: context)
  }

  /// What a layer makes of its input; on the way back it does so again, where layers are not to keep what they compute.
  func layer(
    _ hidden: Tensor,
    _ body: @escaping @Sendable (Tensor, ForwardPass) throws(CheckpointError) -> Tensor
  ) throws(CheckpointError) -> Tensor {
    let (plan, drops) = (plan, drops)
    let result = try body(hidden, self)
    guard plan.options.recomputesLayers else { return result }
    return result.recomputed(from: hidden, in: context) { (hidden) throws(CheckpointError) in
      try body(hidden, ForwardPass(plan, drops: drops))
    }
  }

  /// Which numbers the next operator leaves out; nil if none.
  private func nextDropout(_ rate: Float) throws(CheckpointError) -> Dropout? {
    guard let dropout = plan.options.dropout, rate > 0 else { return nil }
    defer { drops += 1 }
    return try Dropout(rate: rate, seed: dropout.seed, step: dropout.step, stream: drops)
  }

  /// The input, of which training leaves out some numbers.
  func drop(_ input: Tensor, _ rate: Float) throws(CheckpointError) -> Tensor {
    guard let choice = try nextDropout(rate) else { return input }
    return try TensorEngine.dropout(input, choice, in: context)
  }

  /// A linear layer.
  func linear(
    _ input: Tensor, _ weights: LinearWeights, activation: Activation = .identity
  ) throws(CheckpointError) -> Tensor {
    try TensorEngine.linear(
      input, try droppingInputs(of: weights), activation: activation, in: context)
  }

  /// The weights with what training leaves out of the inputs of an adapter's factors.
  private func droppingInputs(of weights: LinearWeights) throws(CheckpointError) -> LinearWeights {
    guard plan.options.dropout != nil, !weights.lowRanks.isEmpty else { return weights }
    return try weights.droppingInputs { (update) throws(CheckpointError) in
      try nextDropout(update.dropoutRate)
    }
  }

  /// A linear layer, of whose result training leaves out some numbers, plus a residual.
  func linear(
    _ input: Tensor, _ weights: LinearWeights, dropout rate: Float, adding residual: Tensor
  ) throws(CheckpointError) -> Tensor {
    let weights = try droppingInputs(of: weights)
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
    if plan.options.extras.contains(.hiddenStates) { hiddenStates.append(hidden) }
  }

  /// The rows of some places in what the body gave, or in what was made of it row by row; all of them have one.
  func rows(at places: [Int], of hidden: Tensor) throws(CheckpointError) -> Tensor {
    let rows = places.map { rowOfPlace?[$0] ?? $0 }
    guard let lastRows else { return try gatherRows(hidden, rows, in: context) }
    let order = Dictionary(zip(lastRows, lastRows.indices)) { first, _ in first }
    return try gatherRows(hidden, rows.compactMap { order[$0] }, in: context)
  }

  /// Some rows of what a layer has; all of them if it is nil.
  func rows(_ rows: [Int]?, of hidden: Tensor) throws(CheckpointError) -> Tensor {
    guard let rows, rows.count < hidden.rows else { return hidden }
    return try gatherRows(hidden, rows, in: context)
  }

  /// A result with a row for every place, zeros where padding was left out.
  func spread(_ result: Tensor) throws(CheckpointError) -> Tensor {
    guard let rowOfPlace else { return result }
    let places = rowOfPlace.indices.filter { rowOfPlace[$0] != nil }
    return try spreadingRows(result, to: places, of: rowOfPlace.count, in: context)
  }
}
