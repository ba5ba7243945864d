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

/// softmax(query · keyᵀ · scale + mask) · value, for each head of each sequence by itself.
///
/// `query`, `key` and `value` are `[tokens, heads · headSize]` with the tokens of `batch`, the heads side by side; they may be
/// columns of one tensor. Scores are never stored: keys are taken in blocks of 256 with a running maximum and sum. A query's
/// result has the same bits whatever else is in the batch, and however many threads there are.
///
/// Throws a mismatch if the shapes, or those of the mask, do not fit.
public func attention(
  query: Tensor, key: Tensor, value: Tensor, heads: Int, scale: Float, _ batch: RaggedBatch,
  mask: AttentionMask = .none, probabilities: AttentionProbabilities = .discarded,
  dropout: Dropout? = nil, in context: ExecutionContext
) throws(CheckpointError) -> AttentionResult {
  guard heads > 0, heads <= KeyValueLayout.mostHeads, query.columns % heads == 0 else {
    throw CheckpointError(
      .mismatch, "attention", "heads", "\(query.columns) columns make no \(heads) heads")
  }
  try expect(key.columns, equals: query.columns, "attention", "key", "columns")
  try expect(value.columns, equals: query.columns, "attention", "value", "columns")
  try expect(key.rows, equals: batch.tokenCount, "attention", "key", "rows")
  try expect(value.rows, equals: batch.tokenCount, "attention", "value", "rows")
  if dropout != nil || query.isLearning || key.isLearning || value.isLearning {
    return try recordedAttention(
      query, key, value, heads: heads, scale: scale, batch, mask: mask,
      probabilities: probabilities, dropout: dropout, in: context)
  }
  let layout = KeyValueLayout(heads: heads, headSize: query.columns / heads)
  var starts = [0]
  for length in batch.lengths {
    starts.append(starts[starts.count - 1] + KeyValueLayout.rounded(length))
  }
  let positions = starts[batch.count]
  let keys = try context.tensor(positions, layout.heads * layout.headSize, "attention")
  let values = try context.tensor(
    positions, layout.heads * layout.featurePanels * KeyValueLayout.panelColumns, "attention")
  let regions = (0..<batch.count).map { sequence in
    KeyValueRegion(
      layout, keys: keys.storage, values: values.storage, start: starts[sequence],
      capacity: starts[sequence + 1] - starts[sequence])
  }
  context.pool.run(batch.count * heads) { index, _ in
    let (sequence, head) = index.quotientAndRemainder(dividingBy: heads)
    regions[sequence].pack(
      key: key, value: value, rows: batch.starts[sequence]..<batch.starts[sequence + 1], head: head,
      at: 0)
  }
  let pass = try AttentionPass(
    query: query, queries: batch, keys: batch, layout: layout, regions: regions, scale: scale,
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
    query: query, queries: batch, keys: RaggedBatch(lengths: cache.lengths), layout: cache.layout,
    regions: (0..<batch.count).map(cache.region), scale: scale, mask: mask,
    probabilities: probabilities, context: context)
  pass.run()
  extendLifetime((query, cache, mask))
  return pass.result
}
