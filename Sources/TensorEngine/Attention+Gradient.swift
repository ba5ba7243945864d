internal import CKernels
public import CheckpointBytes

/// Attention of tokens among each other, whose queries, keys and values are the columns of one tensor, side by side: the result of
/// one product. Its gradient is one tensor too.
///
/// Everything else is as in ``attention(query:key:value:heads:scale:_:mask:probabilities:dropout:in:)``.
public func selfAttention(
  _ joined: Tensor, heads: Int, scale: Float, _ batch: RaggedBatch, mask: AttentionMask = .none,
  probabilities: AttentionProbabilities = .discarded, dropout: Dropout? = nil,
  in context: ExecutionContext
) throws(CheckpointError) -> AttentionResult {
  try selfAttention(
    joined, heads: heads, scale: scale, batch, mask: mask, probabilities: probabilities,
    dropout: dropout, rounding: .asPrecision, in: context)
}

/// The same with products that may round more; causal attention, and attention that learns, do not.
package func selfAttention(
  _ joined: Tensor, heads: Int, scale: Float, _ batch: RaggedBatch, mask: AttentionMask,
  probabilities: AttentionProbabilities, dropout: Dropout?, rounding: AttentionRounding,
  in context: ExecutionContext
) throws(CheckpointError) -> AttentionResult {
  let width = joined.columns / 3
  try expect(joined.columns, equals: 3 * width, "attention", "joined", "columns")
  let whole = joined.detached
  let parts = try (0..<3).map { (part) throws(CheckpointError) in
    try whole.columns(part * width..<(part + 1) * width)
  }
  let result = try attention(
    query: parts[0], key: parts[1], value: parts[2], heads: heads, scale: scale, batch, mask: mask,
    probabilities: probabilities, dropout: dropout,
    rounding: joined.isLearning ? .none : rounding, in: context)
  guard joined.isLearning else { return result }
  return AttentionResult(
    output: result.output.recorded(
      "attention", [GradientInput(joined)],
      AttentionDerivative(
        query: parts[0], key: parts[1], value: parts[2], heads: heads, scale: scale, batch: batch,
        queries: batch, mask: mask, dropout: dropout, isJoined: true), in: context),
    probabilities: result.probabilities)
}

/// Attention that remembers how it was computed, or leaves out some of its weights. The shapes fit.
func recordedAttention(
  _ query: Tensor, _ key: Tensor, _ value: Tensor, heads: Int, scale: Float, _ batch: RaggedBatch,
  queries: RaggedBatch, mask: AttentionMask, probabilities: AttentionProbabilities,
  dropout: Dropout?, in context: ExecutionContext
) throws(CheckpointError) -> AttentionResult {
  let inputs = [query, key, value].map { $0.isLearning ? GradientInput($0) : nil }
  let derivative = AttentionDerivative(
    query: query.detached, key: key.detached, value: value.detached, heads: heads, scale: scale,
    batch: batch, queries: queries, mask: mask, dropout: dropout, isJoined: false)
  var output: Tensor?
  if dropout != nil {
    try mask.check(queries, batch, heads: heads)
    output = try derivative.output(in: context)
  }
  var returned: [Tensor] = []
  // The weights that are returned are those before dropout.
  if output == nil || probabilities == .returned {
    let result = try attention(
      query: derivative.query, key: derivative.key, value: derivative.value, heads: heads,
      scale: scale, batch, queries: queries, mask: mask, probabilities: probabilities,
      rounding: inputs.contains { $0 != nil } ? .none : .asPrecision, in: context)
    if output == nil { output = result.output }
    returned = result.probabilities
  }
  guard let output else { return AttentionResult(output: query, probabilities: []) }
  guard inputs.contains(where: { $0 != nil }) else {
    return AttentionResult(output: output, probabilities: returned)
  }
  return AttentionResult(
    output: output.recorded("attention", inputs, derivative, in: context), probabilities: returned)
}

/// With S = q · kᵀ · scale + mask, P = softmax(S), Q = P after dropout and o = Q · v, and G for the gradient of o:
///
///     of v   Qᵀ · G
///     of Q   G · vᵀ, and through the same dropout of P
///     of S   D = P ⊙ (gradient of P − its product with P, row by row) · scale
///     of q   D · k
///     of k   Dᵀ · q
///
/// P is computed again, some queries at a time, and never as a whole. Each head of each sequence is one task, so that the order of
/// every sum is fixed by the shapes.
struct AttentionDerivative: Derivative {
  let query: Tensor
  let key: Tensor
  let value: Tensor
  let heads: Int
  let scale: Float
  /// Of keys and values.
  let batch: RaggedBatch
  let queries: RaggedBatch
  let mask: AttentionMask
  let dropout: Dropout?
  /// Whether all three are columns of one tensor, which gets one gradient.
  let isJoined: Bool

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let width = query.columns
    var parts: [Tensor] = []
    var whole: Tensor?
    if isJoined {
      let joined = try context.tensor(query.rows, 3 * width, "attention")
      parts = try (0..<3).map { (part) throws(CheckpointError) in
        try joined.columns(part * width..<(part + 1) * width)
      }
      whole = joined
    } else {
      parts = try [query, key, value].map { (input) throws(CheckpointError) in
        try context.tensor(input.rows, width, "attention")
      }
    }
    try forEachHead(in: context) { head in
      head.addGradients(gradient, query: parts[0], key: parts[1], value: parts[2])
    }
    extendLifetime(gradient)
    return whole.map { [$0] } ?? parts
  }

  /// What attention gives, with dropout of its weights.
  func output(in context: ExecutionContext) throws(CheckpointError) -> Tensor {
    let result = try context.tensor(query.rows, query.columns, "attention")
    try forEachHead(in: context) { head in head.write(to: result) }
    return result
  }

  private func forEachHead(
    in context: ExecutionContext, _ body: (AttentionHead) -> Void
  ) throws(CheckpointError) {
    let sizes = AttentionHead.Sizes(
      length: batch.lengths.max() ?? 0, headSize: query.columns / heads, context)
    guard sizes.headSize > 0 else { return }
    let scratch = try context.workspace.take(context.pool.threads * sizes.total, "attention")
    context.pool.run(batch.count * heads) { index, thread in
      let (sequence, head) = index.quotientAndRemainder(dividingBy: heads)
      guard batch.lengths[sequence] > 0 else { return }
      unsafe body(
        AttentionHead(
          self, sequence: sequence, head: head, sizes, context,
          scratch: scratch.memory + thread * sizes.total))
    }
    extendLifetime((scratch, self))
  }
}
