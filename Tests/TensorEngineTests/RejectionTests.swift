import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// What does not fit together is an error that names the operator and the argument.
@Suite struct RejectionTests {
  private let context: ExecutionContext

  init() throws {
    context = try ExecutionContext(threads: 1)
  }

  private func expect(
    _ kind: FailureKind, _ operation: String, _ argument: String,
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    #expect(
      throws: CheckpointError(kind, operation, argument, ""), sourceLocation: sourceLocation,
      performing: body)
  }

  private func zeros(_ rows: Int, _ columns: Int) throws -> Tensor {
    try Tensor(rows: rows, columns: columns, [Float](repeating: 0, count: rows * columns))
  }

  private func weights(_ outputs: Int, _ inputs: Int) throws -> LinearWeights {
    try LinearWeights(
      PackedMatrix(
        outputs: outputs, inputs: inputs, [Float](repeating: 0, count: outputs * inputs),
        in: context))
  }

  @Test("Tensors of impossible shapes, and views beyond a tensor")
  func tensors() throws {
    expect(.inconsistent, "Tensor", "shape") { _ = try Tensor(rows: -1, columns: 2, []) }
    for columns in [0, 2] {
      expect(.limitExceeded, "Tensor", "shape") { _ = try Tensor(rows: .max, columns: columns, []) }
    }
    expect(.mismatch, "Tensor", "values") { _ = try Tensor(rows: 2, columns: 2, [1, 2, 3]) }
    expect(.limitExceeded, "Tensor", "result") {
      _ = try unsafe Tensor(rows: 1 << 30, columns: 1 << 30) { _ in }
    }
    let tensor = try zeros(3, 4)
    expect(.inconsistent, "rows", "range") { _ = try tensor.rows(1..<4) }
    expect(.inconsistent, "rows", "range") { _ = try tensor.rows(-1..<2) }
    expect(.inconsistent, "columns", "range") { _ = try tensor.columns(4..<5) }
    #expect(tensor[3, 0] == nil && tensor[0, 4] == nil && tensor[-1, 0] == nil)
    #expect(tensor[2, 3] == 0)
  }

  @Test("Weights that are not what their shape says")
  func packing() throws {
    expect(.mismatch, "PackedMatrix", "values") {
      _ = try PackedMatrix(outputs: 2, inputs: 3, [1, 2, 3, 4, 5], in: context)
    }
    expect(.inconsistent, "PackedMatrix", "shape") {
      _ = try PackedMatrix(outputs: -2, inputs: 3, [], in: context)
    }
    expect(.limitExceeded, "PackedMatrix", "shape") {
      _ = try PackedMatrix(outputs: .max, inputs: 3, [], in: context)
    }
    let matrix = try PackedMatrix(outputs: 2, inputs: 1, [1, 2], in: context)
    expect(.mismatch, "LinearWeights", "bias") {
      _ = try LinearWeights(matrix, bias: zeros(1, 3))
    }
    expect(.mismatch, "LinearWeights", "bias") {
      _ = try LinearWeights(matrix, bias: zeros(2, 2))
    }
    expect(.mismatch, "LayerNormWeights", "bias") {
      _ = try LayerNormWeights(weight: zeros(1, 3), bias: zeros(1, 2), epsilon: 0)
    }
  }

  @Test("Inputs of operators over rows")
  func rows() throws {
    expect(.mismatch, "linear", "input") {
      _ = try linear(zeros(2, 4), weights(3, 5), in: context)
    }
    expect(.mismatch, "linear", "residual") {
      _ = try linear(zeros(2, 5), weights(3, 5), adding: zeros(2, 4), in: context)
    }
    expect(.mismatch, "linear", "residual") {
      _ = try linear(zeros(2, 5), weights(3, 5), adding: zeros(1, 3), in: context)
    }
    let norm = try LayerNormWeights(weight: zeros(1, 3), bias: zeros(1, 3), epsilon: 0)
    expect(.mismatch, "layerNorm", "input") { _ = try layerNorm(zeros(2, 4), norm, in: context) }
    expect(.mismatch, "add", "right") { _ = try add(zeros(2, 4), zeros(2, 3), in: context) }
    expect(.mismatch, "add", "right") { _ = try add(zeros(2, 4), zeros(1, 4), in: context) }
  }

  @Test("Indices outside of their tables")
  func indices() throws {
    let table = try zeros(3, 2)
    for index in [-1, 3, .max, .min] {
      expect(.inconsistent, "embeddingSum", "lookups[1]") {
        _ = try embeddingSum(
          [EmbeddingLookup(table, [0, 1]), EmbeddingLookup(table, [2, index])], in: context)
      }
      expect(.inconsistent, "gatherRows", "indices") {
        _ = try gatherRows(table, [0, index], in: context)
      }
    }
    expect(.inconsistent, "gatherRows", "indices") {
      _ = try gatherRows(table, [UInt64.max], in: context)
    }
    let packed = try PackedMatrix(
      outputs: 3, inputs: 2, [Float](repeating: 0, count: 6), in: context)
    expect(.inconsistent, "embeddingSum", "lookups[0]") {
      _ = try embeddingSum([EmbeddingLookup(packed, [3])], in: context)
    }
    expect(.mismatch, "embeddingSum", "lookups") { _ = try embeddingSum([], in: context) }
    expect(.mismatch, "embeddingSum", "lookups[1]") {
      _ = try embeddingSum(
        [EmbeddingLookup(table, [0, 1]), EmbeddingLookup(table, [0])], in: context)
    }
    expect(.mismatch, "embeddingSum", "lookups[1]") {
      _ = try embeddingSum(
        [EmbeddingLookup(table, [0]), EmbeddingLookup(zeros(3, 3), [0])], in: context)
    }
    expect(.inconsistent, "argmax", "input") { _ = try argmax(zeros(1, 0)) }
    expect(.inconsistent, "topK", "row") { _ = try topK(table, row: 3, 1) }
    expect(.inconsistent, "topK", "count") { _ = try topK(table, row: 0, 3) }
  }

  @Test("Attention over what is no batch, or under a mask of another shape")
  func attentions() throws {
    expect(.inconsistent, "RaggedBatch", "lengths") { _ = try RaggedBatch(lengths: [1, -1]) }
    expect(.inconsistent, "RaggedBatch", "lengths") { _ = try RaggedBatch(lengths: [.max, 1]) }
    for count in [-1, .max] {
      expect(.inconsistent, "RaggedBatch", "count") { _ = try RaggedBatch(count: count, length: 0) }
    }
    let batch = try RaggedBatch(lengths: [2, 3])
    let tokens = try zeros(5, 6)
    func run(
      _ query: Tensor, _ key: Tensor, _ value: Tensor, heads: Int = 2,
      _ mask: AttentionMask = .none
    ) throws {
      _ = try attention(
        query: query, key: key, value: value, heads: heads, scale: 1, batch, mask: mask,
        in: context)
    }
    try run(tokens, tokens, tokens)
    expect(.mismatch, "attention", "heads") { try run(tokens, tokens, tokens, heads: 4) }
    expect(.mismatch, "attention", "heads") { try run(tokens, tokens, tokens, heads: 0) }
    let nothing = try zeros(5, 0)
    expect(.mismatch, "attention", "heads") { try run(nothing, nothing, nothing, heads: .max) }
    expect(.mismatch, "attention", "query") { try run(zeros(4, 6), tokens, tokens) }
    expect(.mismatch, "attention", "key") { try run(tokens, zeros(4, 6), tokens) }
    expect(.mismatch, "attention", "key") { try run(tokens, zeros(5, 4), tokens) }
    expect(.mismatch, "attention", "value") { try run(tokens, tokens, zeros(6, 6)) }
    expect(.mismatch, "attention", "keptKeys") {
      try run(tokens, tokens, tokens, AttentionMask(keptKeys: [true, false]))
    }
    expect(.mismatch, "attention", "added") {
      try run(tokens, tokens, tokens, AttentionMask(added: [zeros(2, 2)]))
    }
    expect(.mismatch, "attention", "added[1]") {
      try run(tokens, tokens, tokens, AttentionMask(added: [zeros(2, 2), zeros(3, 2)]))
    }
    expect(.mismatch, "attention", "added[0]") {
      try run(tokens, tokens, tokens, AttentionMask(added: [zeros(3, 2), zeros(3, 3)]))
    }
  }

  @Test("A cache of another shape than what is put into it")
  func caches() throws {
    expect(.inconsistent, "KeyValueCache", "shape") {
      _ = try KeyValueCache(sequences: -1, heads: 2, headSize: 3)
    }
    expect(.inconsistent, "KeyValueCache", "shape") {
      _ = try KeyValueCache(sequences: 1, heads: -2, headSize: 3)
    }
    expect(.inconsistent, "KeyValueCache", "shape") {
      _ = try KeyValueCache(sequences: 1 << 40, heads: 2, headSize: 0)
    }
    let cache = try KeyValueCache(sequences: 2, heads: 2, headSize: 3)
    let batch = try RaggedBatch(lengths: [2, 3])
    expect(.mismatch, "KeyValueCache.append", "key") {
      try cache.append(key: zeros(5, 7), value: zeros(5, 6), batch, in: context)
    }
    expect(.mismatch, "KeyValueCache.append", "value") {
      try cache.append(key: zeros(5, 6), value: zeros(4, 6), batch, in: context)
    }
    expect(.mismatch, "KeyValueCache.append", "batch") {
      try cache.append(
        key: zeros(2, 6), value: zeros(2, 6), RaggedBatch(lengths: [2]), in: context)
    }
    expect(.inconsistent, "KeyValueCache.reorder", "sources") { try cache.reorder([0, 2]) }
    expect(.limitExceeded, "KeyValueCache", "shape") { try cache.reserve(.max - 64) }
    expect(.mismatch, "attention", "query") {
      _ = try attention(query: zeros(5, 5), cache, scale: 1, batch, in: context)
    }
    #expect(cache.lengths == [0, 0])
  }

  @Test("The message is one line that says what, where, and expected against found")
  func message() {
    let error = CheckpointError(.mismatch, "linear", "input", "expected 4 columns, found 5")
    #expect(
      error.description == "linear, input: expected 4 columns, found 5")
  }
}
