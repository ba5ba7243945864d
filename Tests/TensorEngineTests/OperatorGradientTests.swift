import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// The derivatives of the operators between linear layers, and of losses, in every instruction set, against torch's autograd.
@Suite struct OperatorGradientTests {
  private let reference: ReferenceResults

  init() throws {
    reference = try ReferenceResults("engine/gradients.safetensors")
  }

  private func parameter(
    _ seed: UInt64, _ rows: Int, _ columns: Int, times factor: Float = 1
  ) throws -> Parameter {
    Parameter(
      "p\(seed)",
      try StoredMatrix(
        rows: rows, columns: columns,
        ReferenceResults.numbers(seed, rows * columns, times: factor)))
  }

  @Test("Layer norms have torch's gradients", arguments: Contexts.all)
  func layerNorms(_ context: ExecutionContext) throws {
    var numbers = ReferenceResults.numbers(8, 75 * 53)
    for index in 2 * 53..<3 * 53 { numbers[index] += 100 }
    let x = Parameter("x", try StoredMatrix(rows: 75, columns: 53, numbers))
    let (weight, bias) = (try parameter(9, 1, 53), try parameter(10, 1, 53))
    let weights = try LayerNormWeights(weight: weight, bias: bias, epsilon: 1e-5)
    try layerNorm(x.tensor(in: context), weights, in: context)
      .backward(from: ReferenceResults.tensor(22, 75, 53))
    try reference.expectGradient(x, "layer_norm.x", context)
    try reference.expectGradient(weight, "layer_norm.weight", context)
    try reference.expectGradient(bias, "layer_norm.bias", context)
  }

  @Test("Lookups have torch's gradients, and padding none", arguments: Contexts.all)
  func embeddings(_ context: ExecutionContext) throws {
    let (words, kinds) = (try parameter(11, 50, 37), try parameter(13, 2, 37))
    let places = (0..<90).map { (7 * $0 * $0 + 3) % 50 }
    try embeddingSum(
      [
        EmbeddingLookup(words, places, unlearned: 3),
        EmbeddingLookup(kinds, (0..<90).map { $0 % 3 / 2 }),
      ], in: context
    ).backward(from: ReferenceResults.tensor(23, 90, 37))
    try reference.expectGradient(words, "embedding.words", context)
    try reference.expectGradient(kinds, "embedding.kinds", context)
    let x = try parameter(11, 6, 37)
    try gatherRows(x.tensor(in: context), [4, 0, 4, 4, 2], in: context)
      .backward(from: ReferenceResults.tensor(23, 5, 37))
    try reference.expectGradient(x, "gather.x", context)
  }

  @Test("Softmax, activations alone and arithmetic have torch's gradients", arguments: Contexts.all)
  func rows(_ context: ExecutionContext) throws {
    let upstream = try ReferenceResults.tensor(24, 3, 37)
    let x = try parameter(14, 3, 37, times: 20)
    try softmax(x.tensor(in: context), in: context).backward(from: upstream)
    try reference.expectGradient(x, "softmax.x", context)
    x.clearGradient()
    try logSoftmax(x.tensor(in: context), in: context).backward(from: upstream)
    try reference.expectGradient(x, "log_softmax.x", context)

    let (left, right) = (try parameter(25, 3, 37), try parameter(26, 3, 37))
    let (a, b) = (try left.tensor(in: context), try right.tensor(in: context))
    let inner = try add(scale(multiply(a, b, in: context), by: 3, in: context), a, in: context)
    try multiply(inner, b, in: context).backward(from: upstream)
    try reference.expectGradient(left, "arithmetic.x", context)
    try reference.expectGradient(right, "arithmetic.y", context)

    let values =
      ReferenceResults.numbers(1, 40, times: 12) + ReferenceResults.numbers(2, 20)
      + [0, -0.0, 3, -3, 6, 30, -30, 60, -60, 20.5]
    let argument = Parameter("x", try StoredMatrix(rows: 1, columns: 70, values))
    try activate(argument.tensor(in: context), .gelu, in: context)
      .backward(from: Tensor(rows: 1, columns: 70, ReferenceResults.numbers(20, 70)))
    try reference.expectGradient(argument, "activation.gelu.x", context)
  }

  @Test("Attention has torch's gradients, whatever the mask", arguments: Contexts.all)
  func attentions(_ context: ExecutionContext) throws {
    let holes = [true, false, true, true, true, true, true, false, false]
    let left = [false, false, false, true, true, true, true, true, true]
    let added = try Tensor(
      rows: 27, columns: 9, ReferenceResults.numbers(18, 243, times: 3))
    for (name, mask) in [
      ("attention", AttentionMask.none), ("attention.causal", .causal),
      ("attention.holes", AttentionMask(keptKeys: holes)),
      ("attention.causal_left", AttentionMask(.causal, keptKeys: left)),
      ("attention.added", AttentionMask(added: [added])),
    ] {
      try check(
        name, tokens: 9, heads: 3, size: 6, seeds: 15, times: 4, upstream: 27, mask, context)
    }
    for (name, mask) in [
      ("attention.long", AttentionMask.none), ("attention.long_causal", .causal),
    ] {
      try check(
        name, tokens: 115, heads: 1, size: 33, seeds: 28, times: 1, upstream: 31, mask, context)
    }
  }

  private func check(
    _ name: String, tokens: Int, heads: Int, size: Int, seeds: UInt64, times factor: Float,
    upstream: UInt64, _ mask: AttentionMask, _ context: ExecutionContext
  ) throws {
    let width = heads * size
    let parts = try (0..<3).map {
      try parameter(seeds + $0, tokens, width, times: factor)
    }
    let tensors = try parts.map { try $0.tensor(in: context) }
    let batch = try RaggedBatch(lengths: [tokens])
    let scale = Float(1 / Double(size).squareRoot())
    let slope = try ReferenceResults.tensor(upstream, tokens, width)
    let result = try attention(
      query: tensors[0], key: tensors[1], value: tensors[2], heads: heads, scale: scale, batch,
      mask: mask, in: context)
    let plain = try withoutGradients {
      try attention(
        query: tensors[0], key: tensors[1], value: tensors[2], heads: heads, scale: scale, batch,
        mask: mask, in: context)
    }
    #expect(bits(result.output) == bits(plain.output))
    try result.output.backward(from: slope)
    for (part, label) in zip(parts, ["query", "key", "value"]) {
      try reference.expectGradient(part, "\(name).\(label)", context)
    }
    // Side by side in one tensor they get the same bits.
    let joined = Parameter(
      "joined",
      try StoredMatrix(
        rows: tokens, columns: 3 * width,
        (0..<tokens).flatMap { row in
          tensors.flatMap { Array($0.values[(row * width)..<((row + 1) * width)]) }
        }))
    try selfAttention(
      joined.tensor(in: context), heads: heads, scale: scale, batch, mask: mask, in: context
    ).output.backward(from: slope)
    let found = try #require(joined.gradient)
    for (place, part) in parts.enumerated() {
      let own = try found.columns(place * width..<(place + 1) * width)
      #expect(bits(own) == bits(try #require(part.gradient)), "\(name)")
    }
  }

  @Test("A ragged batch gives each text the gradients that it has alone", arguments: Contexts.all)
  func ragged(_ context: ExecutionContext) throws {
    let lengths = [5, 0, 130, 1]
    let batch = try RaggedBatch(lengths: lengths)
    var generator = SeededGenerator(seed: 3)
    let joined = try generator.tensor(136, 3 * 24)
    let slope = try generator.tensor(136, 24)
    let whole = joined.requiringGradient(in: context)
    let output = try selfAttention(whole, heads: 2, scale: 0.3, batch, in: context).output
    let found = try #require(try gradients(of: output, from: slope, for: [whole])[0])
    for (number, length) in lengths.enumerated() where length > 0 {
      let rows = batch.starts[number]..<batch.starts[number + 1]
      let alone = try joined.rows(rows).requiringGradient(in: context)
      let part = try selfAttention(
        alone, heads: 2, scale: 0.3, RaggedBatch(lengths: [length]), in: context)
      let own = try gradients(of: part.output, from: slope.rows(rows), for: [alone])[0]
      #expect(bits(try found.rows(rows)) == bits(try #require(own)))
    }
  }

  @Test("Losses and their gradients are torch's", arguments: Contexts.all)
  func losses(_ context: ExecutionContext) throws {
    let labels = [0, 6, 3, -100, 2, 2, 1, -100, 5, 4, 0, 6]
    let weights = ReferenceResults.numbers(33, 7).map { abs($0) + 0.1 }
    let slope = try Tensor(rows: 1, columns: 1, [1.5])
    func check(
      _ name: String, _ inputs: [Parameter], _ loss: ([Tensor]) throws -> Tensor
    ) throws {
      let result = try loss(inputs.map { try $0.tensor(in: context) })
      try reference.expect(result.values, "\(name).loss", "\(context.kernels)")
      try result.backward(from: slope)
      for (place, input) in inputs.enumerated() {
        try reference.expectGradient(input, "\(name).x\(place)", context)
      }
    }
    for (name, weights, smoothing) in [
      ("cross_entropy", nil, 0), ("cross_entropy.weights", weights, 0),
      ("cross_entropy.smoothing", nil, 0.1), ("cross_entropy.both", weights, 0.3),
    ] as [(String, [Float]?, Float)] {
      try check(name, [try parameter(32, 12, 7, times: 5)]) {
        try crossEntropy($0[0], labels, weights: weights, smoothing: smoothing, in: context)
      }
    }
    try check("mse", [try parameter(34, 6, 5), try parameter(35, 6, 5)]) {
      try meanSquaredError($0[0], $0[1], in: context)
    }
    let targets = try Tensor(
      rows: 6, columns: 5, ReferenceResults.numbers(36, 30).map { $0 > 0 ? 1 : 0 })
    try check("binary", [try parameter(37, 6, 5, times: 30)]) {
      try binaryCrossEntropy(logits: $0[0], targets, in: context)
    }
    let positive = ReferenceResults.numbers(38, 5).map { abs($0) * 3 }
    try check("binary.weights", [try parameter(37, 6, 5, times: 5)]) {
      try binaryCrossEntropy(logits: $0[0], targets, positiveWeights: positive, in: context)
    }
    #expect(throws: CheckpointError(.inconsistent, "crossEntropy", "labels", "")) {
      _ = try crossEntropy(slope, [1], in: context)
    }
    #expect(try crossEntropy(slope, [-100], in: context).values[0].isNaN)
  }

  @Test("Rows that are spread, zeroed or turned give their gradients back", arguments: Contexts.all)
  func moves(_ context: ExecutionContext) throws {
    let x = try Tensor(rows: 3, columns: 2, [1, 2, 3, 4, 5, 6]).requiringGradient(in: context)
    let spread = try spreadingRows(x, to: [3, 0, 1], of: 4, in: context)
    #expect(spread.values == [3, 4, 5, 6, 0, 0, 1, 2])
    let zeroed = try zeroingRows(spread, [1], in: context)
    #expect(zeroed.values == [3, 4, 0, 0, 0, 0, 1, 2])
    let slope = try Tensor(rows: 4, columns: 2, (1...8).map(Float.init))
    let found = try gradients(of: zeroed, from: slope, for: [x])[0]
    #expect(found?.values == [7, 8, 1, 2, 0, 0])
    let y = try Tensor(rows: 3, columns: 1, [1, 2, 3]).requiringGradient(in: context)
    let turned = try rowsOfSequences(y, RaggedBatch(lengths: [2, 0, 1]), in: context)
    #expect(turned.values == [1, 2, -.infinity, -.infinity, 3, -.infinity])
    let sums = try gradients(
      of: turned, from: Tensor(rows: 3, columns: 2, (1...6).map(Float.init)), for: [y])[0]
    #expect(sums?.values == [1, 2, 5])
    let all = try gradients(of: sum(y2(context), in: context), for: [])
    #expect(all.isEmpty)
  }

  private func y2(_ context: ExecutionContext) throws -> Tensor {
    try Tensor(rows: 1, columns: 2, [1, 2]).requiringGradient(in: context)
  }

  @Test(
    "Gradients of all operators have the same bits on 1, 2, 3 and 5 threads", arguments: [2, 3, 5])
  func sameBits(_ threads: Int) throws {
    func found(_ context: ExecutionContext) throws -> [[UInt32]] {
      var generator = SeededGenerator(seed: 4)
      func parameter(_ rows: Int, _ columns: Int) throws -> Parameter {
        Parameter(
          "", try StoredMatrix(rows: rows, columns: columns, generator.floats(rows * columns)))
      }
      let table = try parameter(60, 48)
      let norm = [try parameter(1, 48), try parameter(1, 48)]
      let qkv = try parameter(144, 48)
      let batch = try RaggedBatch(lengths: [130, 40, 200])
      let hidden = try embeddingSum(
        [EmbeddingLookup(table, (0..<370).map { $0 * $0 % 60 })], in: context)
      let weights = try LayerNormWeights(weight: norm[0], bias: norm[1], epsilon: 1e-5)
      let choice = try Dropout(rate: 0.1, seed: 9, stream: 1)
      let normed = try dropout(
        layerNorm(hidden, weights, in: context), choice, adding: hidden, in: context)
      let seen = try selfAttention(
        linear(normed, LinearWeights([qkv]), in: context), heads: 3, scale: 0.25, batch,
        dropout: choice, in: context)
      try crossEntropy(seen.output, (0..<370).map { $0 % 48 }, in: context).backward()
      return try ([table, qkv] + norm).map { bits(try #require($0.gradient)) }
    }
    for kernels in KernelSet.available {
      let one = try found(ExecutionContext(threads: 1, kernels: kernels))
      let several = try found(ExecutionContext(threads: threads, kernels: kernels))
      #expect(one == several, "\(kernels)")
    }
  }
}
