import TensorEngine
import TestSupport
import Testing

/// Each operator, in every instruction set, against what PyTorch computed in float64.
@Suite struct OperatorTests {
  private let reference: ReferenceResults

  init() throws {
    reference = try ReferenceResults()
  }

  private func tensor(
    _ seed: UInt64, _ rows: Int, _ columns: Int, times factor: Float = 1
  ) throws -> Tensor {
    try ReferenceResults.tensor(seed, rows, columns, times: factor)
  }

  @Test("Whatever instruction sets this machine has are tested")
  func instructionSets() {
    #expect(!Contexts.all.isEmpty && Contexts.all.count == KernelSet.available.count)
  }

  @Test("Every activation is PyTorch's under Transformers' name", arguments: Contexts.all)
  func activations(_ context: ExecutionContext) throws {
    let values =
      ReferenceResults.numbers(1, 40, times: 12) + ReferenceResults.numbers(2, 20)
      + [0, -0.0, 30, -30, 100, -100, 20.5]
    #expect(Activation.transformersNames.count == 22)
    for name in Activation.transformersNames {
      let activation = try #require(Activation(transformersName: name))
      let input = try Tensor(rows: 1, columns: values.count, values)
      try reference.expect(
        activate(input, activation, in: context).values, "activation.\(name)", "\(context.kernels)")
      // Fused to a product with the identity, which changes no number.
      let column = try Tensor(rows: values.count, columns: 1, values)
      let identity = try LinearWeights(PackedMatrix(outputs: 1, inputs: 1, [1], in: context))
      let fused = try linear(column, identity, activation: activation, in: context)
      #expect(fused.values == (try activate(input, activation, in: context).values))
    }
    #expect(Activation(transformersName: "prelu") == nil)
    #expect(Activation(transformersName: "GELU") == nil)
  }

  @Test("Linear layers, plain, fused, and with Conv1D's weights", arguments: Contexts.all)
  func linearLayers(_ context: ExecutionContext) throws {
    let bias = try tensor(5, 1, 40)
    let long = try LinearWeights(
      PackedMatrix(
        outputs: 40, inputs: 768, ReferenceResults.numbers(4, 40 * 768), in: context), bias: bias)
    try reference.expect(
      linear(tensor(3, 5, 768), long, in: context).values, "linear", "\(context.kernels)")

    let short = try tensor(3, 5, 45)
    let weights = try LinearWeights(
      PackedMatrix(outputs: 40, inputs: 45, ReferenceResults.numbers(4, 40 * 45), in: context),
      bias: bias)
    try reference.expect(
      linear(short, weights, activation: .gelu, adding: tensor(6, 5, 40), in: context).values,
      "linear.fused", "\(context.kernels)")

    let conv1d = try LinearWeights(
      PackedMatrix(
        outputs: 40, inputs: 45, layout: .inputByOutput, ReferenceResults.numbers(7, 40 * 45),
        in: context), bias: bias)
    try reference.expect(
      linear(short, conv1d, in: context).values, "linear.conv1d", "\(context.kernels)")
  }

  @Test("Layer norm, also of rows with a large mean and of constant rows", arguments: Contexts.all)
  func layerNorms(_ context: ExecutionContext) throws {
    var rows = ReferenceResults.numbers(8, 4 * 53)
    for column in 0..<53 {
      rows[2 * 53 + column] += 1000
      rows[3 * 53 + column] = 3
    }
    let input = try Tensor(rows: 4, columns: 53, rows)
    for (name, epsilon) in [("layer_norm", Float(1e-5)), ("layer_norm.epsilon", 1e-2)] {
      let weights = try LayerNormWeights(
        weight: tensor(9, 1, 53), bias: tensor(10, 1, 53), epsilon: epsilon)
      try reference.expect(
        layerNorm(input, weights, in: context).values, name, "\(context.kernels)")
    }
  }

  @Test("Embeddings are sums of rows, of tensors or of a packed matrix", arguments: Contexts.all)
  func embeddings(_ context: ExecutionContext) throws {
    let words = ReferenceResults.numbers(11, 50 * 37)
    let rest = [
      EmbeddingLookup(try tensor(12, 10, 37), [0, 1, 2, 3, 9] as [Int32]),
      EmbeddingLookup(try tensor(13, 2, 37), [0, 0, 1, 1, 1] as [Int64]),
    ]
    let indices = [3, 49, 0, 3, 7]
    let plain = EmbeddingLookup(try Tensor(rows: 50, columns: 37, words), indices)
    let packed = EmbeddingLookup(
      try PackedMatrix(outputs: 50, inputs: 37, words, in: context), indices)
    for word in [plain, packed] {
      try reference.expect(
        embeddingSum([word] + rest, in: context).values, "embedding", "\(context.kernels)")
    }
  }

  @Test("Softmax and its logarithm", arguments: Contexts.all)
  func softmaxes(_ context: ExecutionContext) throws {
    let input = try tensor(14, 3, 37, times: 20)
    try reference.expect(softmax(input, in: context).values, "softmax", "\(context.kernels)")
    try reference.expect(
      logSoftmax(input, in: context).values, "log_softmax", "\(context.kernels)")
  }

  @Test("Attention under every kind of mask", arguments: Contexts.all)
  func attentions(_ context: ExecutionContext) throws {
    let holes = [true, false, true, true, true, true, true, false, false]
    let left = [Bool](repeating: false, count: 3) + [Bool](repeating: true, count: 6)
    let nothing = [Bool](repeating: false, count: 9)
    let masks: [(String, AttentionMask)] = [
      ("attention", .none),
      ("attention.causal", .causal),
      ("attention.holes", AttentionMask(keptKeys: holes)),
      ("attention.causal_left", AttentionMask(.causal, keptKeys: left)),
      ("attention.nothing", AttentionMask(keptKeys: nothing)),
      ("attention.added", AttentionMask(added: [try tensor(18, 27, 9, times: 3)])),
      ("attention.added_everywhere", AttentionMask(added: [try tensor(19, 9, 9, times: 3)])),
    ]
    let batch = try RaggedBatch(lengths: [9])
    for (name, mask) in masks {
      let found = try attention(
        query: tensor(15, 9, 18, times: 4), key: tensor(16, 9, 18, times: 4),
        value: tensor(17, 9, 18, times: 4), heads: 3, scale: 1 / Float(6).squareRoot(), batch,
        mask: mask, probabilities: .returned, in: context)
      try reference.expect(found.output.values, "\(name).output", "\(context.kernels)")
      if ["attention", "attention.causal_left", "attention.added"].contains(name) {
        try reference.expect(
          found.probabilities[0].values, "\(name).probabilities", "\(context.kernels)")
      }
    }
  }
}
