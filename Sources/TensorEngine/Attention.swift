internal import CKernels
public import CheckpointBytes

/// What attention gives.
public struct AttentionResult: Sendable {
  /// `[queries, heads · headSize]`, the heads side by side.
  public let output: Tensor
  /// For each sequence `[heads · queries, keys]`, if they were asked for, otherwise empty.
  public let probabilities: [Tensor]
}

/// Whether attention also hands out its probabilities, for a model's `attentions`.
public enum AttentionProbabilities: Sendable, Hashable {
  /// Only the output; no memory grows with the square of the length.
  case discarded
  /// The probabilities too. The output has the same bits.
  case returned
}

/// What attention's products may round.
package enum AttentionRounding: Sendable, Hashable {
  /// Nothing but sums of float32.
  case none
  /// As much as the ``Precision`` of the context's kernels.
  case asPrecision
  /// Queries, keys, values and weights to bfloat16, where the processor gains by it: they are results of products of int8, which round
  /// more.
  case asInt8
}

/// softmax(query · keyᵀ · scale + mask) · value, for each head of each sequence by itself.
///
/// `query`, `key` and `value` are `[tokens, heads · headSize]` with the tokens of `batch`, the heads side by side; they may be
/// columns of one tensor. Scores are never stored: keys are taken in blocks of 256 with a running maximum and sum. A query's
/// result has the same bits whatever else is in the batch, and however many threads there are. Where all keys may be looked at,
/// the products round as much as the ``Precision`` of the context's kernels; causal attention does not, so that a result is the
/// same as over a cache.
///
/// Throws a mismatch if the shapes, or those of the mask, do not fit.
public func attention(
  query: Tensor, key: Tensor, value: Tensor, heads: Int, scale: Float, _ batch: RaggedBatch,
  mask: AttentionMask = .none, probabilities: AttentionProbabilities = .discarded,
  dropout: Dropout? = nil, in context: ExecutionContext
) throws(CheckpointError) -> AttentionResult {
  try attention(
    query: query, key: key, value: value, heads: heads, scale: scale, batch, mask: mask,
    probabilities: probabilities, dropout: dropout, rounding: .asPrecision, in: context)
}

/// The same with products that may round more; causal attention does not.
///
/// - Parameter queries: How many rows `query` has for each sequence, no more than the sequence has; nil for as many. Where a query may not
///   look everywhere, they are the last ones of their sequence.
package func attention(
  query: Tensor, key: Tensor, value: Tensor, heads: Int, scale: Float, _ batch: RaggedBatch,
  queries: RaggedBatch? = nil, mask: AttentionMask, probabilities: AttentionProbabilities,
  dropout: Dropout? = nil, rounding: AttentionRounding, in context: ExecutionContext
) throws(CheckpointError) -> AttentionResult {
  let queries = queries ?? batch
  guard heads > 0, heads <= KeyValueLayout.mostHeads, query.columns % heads == 0 else {
    throw CheckpointError(
      .mismatch, "attention", "heads", "\(query.columns) columns make no \(heads) heads")
  }
  try expect(key.columns, equals: query.columns, "attention", "key", "columns")
  try expect(value.columns, equals: query.columns, "attention", "value", "columns")
  try expect(key.rows, equals: batch.tokenCount, "attention", "key", "rows")
  try expect(value.rows, equals: batch.tokenCount, "attention", "value", "rows")
  try expect(query.rows, equals: queries.tokenCount, "attention", "query", "rows")
  try expect(queries.count, equals: batch.count, "attention", "queries", "sequences")
  if let sequence = batch.lengths.indices.first(where: {
    queries.lengths[$0] > batch.lengths[$0]
  }) {
    throw CheckpointError(
      .mismatch, "attention", "queries",
      "\(queries.lengths[sequence]) of sequence \(sequence), which has \(batch.lengths[sequence]) rows"
    )
  }
  if dropout != nil || query.isLearning || key.isLearning || value.isLearning {
    return try recordedAttention(
      query, key, value, heads: heads, scale: scale, batch, queries: queries, mask: mask,
      probabilities: probabilities, dropout: dropout, in: context)
  }
  let layout = KeyValueLayout(
    heads: heads, headSize: query.columns / heads,
    products: context.kernels.attention(mask.reach == .causal ? .none : rounding))
  var starts = [0]
  for length in batch.lengths {
    starts.append(starts[starts.count - 1] + KeyValueLayout.rounded(length))
  }
  guard let size = layout.size(positions: starts[batch.count]) else {
    throw CheckpointError(
      .limitExceeded, "attention", "batch", "\(starts[batch.count]) positions cannot be counted")
  }
  let keys = try context.workspace.take(size.keys, "attention")
  let values = try context.workspace.take(size.values, "attention")
  let regions = (0..<batch.count).map { sequence in
    KeyValueRegion(
      layout, keys: keys, values: values, start: starts[sequence],
      capacity: starts[sequence + 1] - starts[sequence])
  }
  context.pool.run(batch.count * heads) { index, _ in
    let (sequence, head) = index.quotientAndRemainder(dividingBy: heads)
    regions[sequence].pack(
      key: key, value: value, rows: batch.starts[sequence]..<batch.starts[sequence + 1], head: head,
      at: 0)
  }
  let pass = try AttentionPass(
    query: query, queries: queries, keys: batch, layout: layout, regions: regions, scale: scale,
    mask: mask, probabilities: probabilities, context: context)
  pass.run()
  extendLifetime((query, key, value, keys, values, mask))
  return pass.result
}

/// The same over the keys and values of a cache, to which those of the queries themselves have been appended before.
///
/// `query` holds `batch.lengths[i]` rows for sequence `i` of the cache: the last ones of its positions.
public func attention(
  query: Tensor, _ cache: KeyValueCache, scale: Float, _ batch: RaggedBatch,
  mask: AttentionMask = .causal, probabilities: AttentionProbabilities = .discarded,
  in context: ExecutionContext
) throws(CheckpointError) -> AttentionResult {
  try expect(query.columns, equals: cache.heads * cache.headSize, "attention", "query", "columns")
  try expect(batch.count, equals: cache.lengths.count, "attention", "batch", "sequences")
  try query.refuseGradient("attention", "query")
  let pass = try AttentionPass(
    query: query, queries: batch, keys: RaggedBatch(lengths: cache.lengths),
    layout: KeyValueLayout(
      heads: cache.heads, headSize: cache.headSize, products: context.kernels.attention(.none)),
    regions: (0..<batch.count).map(cache.region), scale: scale, mask: mask,
    probabilities: probabilities, context: context)
  pass.run()
  extendLifetime((query, cache, mask))
  return pass.result
}
