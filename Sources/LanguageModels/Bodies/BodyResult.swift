internal import CheckpointBytes
internal import TensorEngine

/// What a body has made of a batch, and the outputs that are made of it.
struct BodyResult {
  let tokens: TokenBatch
  let pass: ForwardPass
  /// `[rows, hidden]`.
  let hidden: Tensor

  /// Each sequence's first token, `[sequences, hidden]`.
  func firstTokens() throws(CheckpointError) -> Tensor {
    try pass.rows(at: tokens.firstPlaces, of: hidden)
  }

  /// The hidden states and attentions that were recorded, and what a head adds. Choices count as sequences in them.
  func outputs(
    adding head: (inout ModelOutputs) throws(CheckpointError) -> Void
  ) throws(CheckpointError) -> ModelOutputs {
    var outputs = try recorded()
    try head(&outputs)
    return outputs
  }

  private func recorded() throws(CheckpointError) -> ModelOutputs {
    var outputs = ModelOutputs()
    let extents = [tokens.sequenceCount, tokens.length]
    for (number, state) in pass.hiddenStates.enumerated() {
      outputs.append(
        "hidden_states.\(number)", extents + [state.columns], [try pass.spread(state)])
    }
    for (number, parts) in pass.attentions.enumerated() {
      let heads = parts[0].rows / tokens.length
      outputs.append(
        "attentions.\(number)",
        [tokens.sequenceCount, heads, tokens.length, tokens.length], parts)
    }
    return outputs
  }

  /// Adds a result that has a row for each token, `[batch, sequence, columns]`; `[batch, sequence]` if it has one column and
  /// `isFlat`.
  func append(
    _ name: String, _ result: Tensor, isFlat: Bool = false, to outputs: inout ModelOutputs
  ) throws(CheckpointError) {
    let extents = tokens.dimensions + (isFlat ? [] : [result.columns])
    outputs.append(name, extents, [try pass.spread(result)])
  }

  /// Adds the two columns of a question answering head.
  func appendSpans(
    _ result: Tensor, to outputs: inout ModelOutputs
  ) throws(CheckpointError) {
    try append("start_logits", try result.columns(0..<1), isFlat: true, to: &outputs)
    try append("end_logits", try result.columns(1..<2), isFlat: true, to: &outputs)
  }
}

extension TokenBatch {
  /// The place of each sequence's first token.
  var firstPlaces: [Int] { (0..<sequenceCount).map { $0 * length } }
  /// The place of each sequence's last token.
  var lastPlaces: [Int] { (0..<sequenceCount).map { $0 * length + length - 1 } }
}
