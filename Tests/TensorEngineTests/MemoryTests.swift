import TensorEngine
import TestSupport
import Testing

@Suite struct MemoryTests {
  @Test("Repeating the same shapes allocates nothing after the first time")
  func steadyState() throws {
    let context = try ExecutionContext(threads: 2)
    var generator = SeededGenerator(seed: 5)
    let weights = try LinearWeights(
      PackedMatrix(outputs: 64, inputs: 64, generator.floats(64 * 64), in: context))
    let batch = try RaggedBatch(lengths: [9, 4])
    var hidden = try generator.tensor(13, 64)
    var kept: Int?
    for round in 0..<10 {
      let query = try linear(hidden, weights, in: context)
      let mixed = try attention(
        query: query, key: query, value: query, heads: 4, scale: 0.25, batch,
        mask: AttentionMask(keptKeys: (0..<13).map { $0 != 3 }), in: context)
      hidden = try linear(mixed.output, weights, activation: .gelu, adding: hidden, in: context)
      if round == 1 { kept = context.keptStorageCount }
      if round > 1 { #expect(context.keptStorageCount == kept) }
    }
    context.releaseUnusedMemory()
    #expect(context.keptStorageCount == 1, "the last result is still in use")
  }

  @Test(
    "A layer's operators ask for no memory that grows with their rows, once they have met the shapes",
    .enabled(if: Allocations.areCounted, "malloc is not counted here"))
  func allocations() throws {
    let context = try ExecutionContext(threads: 1)
    var generator = SeededGenerator(seed: 6)
    func weights(_ outputs: Int, _ inputs: Int) throws -> LinearWeights {
      try LinearWeights(
        PackedMatrix(
          outputs: outputs, inputs: inputs, generator.floats(outputs * inputs), in: context),
        bias: Tensor(rows: 1, columns: outputs, generator.floats(outputs)))
    }
    let (query, up, down) = (try weights(96, 64), try weights(128, 64), try weights(64, 128))
    let norm = try LayerNormWeights(
      weight: generator.tensor(1, 64), bias: generator.tensor(1, 64), epsilon: 1e-5)
    let table = try generator.tensor(50, 64)

    /// What the last of several equal passes asks for.
    func settled(_ lengths: [Int]) throws -> Allocations {
      let batch = try RaggedBatch(lengths: lengths)
      let indices = (0..<lengths.reduce(0, +)).map { $0 % 50 }
      let mask = AttentionMask(keptKeys: indices.map { $0 != 3 })
      let lookups = [EmbeddingLookup(table, indices), EmbeddingLookup(table, indices)]
      var last = Allocations.made {}
      for _ in 0..<4 {
        last = try Allocations.made {
          let hidden = try embeddingSum(lookups, in: context)
          let parts = try linear(hidden, query, in: context)
          let mixed = try attention(
            query: try parts.columns(0..<64), key: try parts.columns(16..<80),
            value: try parts.columns(32..<96), heads: 4, scale: 0.25, batch, mask: mask,
            in: context)
          let normed = try layerNorm(mixed.output, norm, in: context)
          let inner = try linear(normed, up, activation: .gelu, in: context)
          _ = try softmax(
            try linear(inner, down, adding: normed, in: context), in: context)
        }
      }
      return last
    }
    let few = try settled([3, 2])
    let many = try settled([70, 41, 9, 33])
    // What calls of the pool take for themselves.
    #expect(many.count <= few.count + 4)
    #expect(many.byteCount <= 4096)
  }

  @Test("A result that is held keeps its numbers, also through a view of it")
  func heldResults() throws {
    let context = try ExecutionContext(threads: 1)
    let ones = try Tensor(rows: 2, columns: 3, [1, 2, 3, 4, 5, 6])
    let view = try scale(ones, by: 2, in: context).rows(1..<2).columns(1..<3)
    for _ in 0..<5 { _ = try scale(ones, by: -1, in: context) }
    #expect(view.values == [10, 12])
    #expect(view[0, 1] == 12)
    #expect(unsafe view.withRow(0) { unsafe Array($0) } == [10, 12])
  }

  @Test("Views are inputs like any others")
  func views() throws {
    let context = try ExecutionContext(threads: 1)
    let whole = try Tensor(rows: 3, columns: 4, (0..<12).map { Float($0) })
    let view = try whole.rows(1..<3).columns(1..<3)
    #expect(view.values == [5, 6, 9, 10])
    #expect(try add(view, view, in: context).values == [10, 12, 18, 20])
    let weights = try LinearWeights(
      PackedMatrix(outputs: 1, inputs: 2, [1, 10], in: context))
    #expect(
      try linear(view, weights, adding: whole.rows(0..<2).columns(3..<4), in: context).values
        == [68, 116])
    #expect(try gatherRows(view, [1, 0, 1], in: context).values == [9, 10, 5, 6, 9, 10])
  }

  @Test("Empty tensors go through all operators")
  func empty() throws {
    let context = try ExecutionContext(threads: 1)
    for (rows, columns) in [(0, 3), (3, 0), (0, 0)] {
      let tensor = try Tensor(
        rows: rows, columns: columns, [Float](repeating: 1, count: rows * columns))
      #expect(tensor.values.isEmpty)
      #expect(try softmax(tensor, in: context).rows == rows)
      #expect(try logSoftmax(tensor, in: context).columns == columns)
      #expect(try activate(tensor, .gelu, in: context).rows == rows)
      #expect(try add(tensor, tensor, in: context).columns == columns)
      let one = try Tensor(rows: 1, columns: columns, [Float](repeating: 1, count: columns))
      let norm = try LayerNormWeights(weight: one, bias: one, epsilon: 1)
      #expect(try layerNorm(tensor, norm, in: context).rows == rows)
      let batch = try RaggedBatch(lengths: [rows])
      let result = try attention(
        query: tensor, key: tensor, value: tensor, heads: 1, scale: 1, batch,
        probabilities: .returned, in: context)
      #expect(result.output.rows == rows && result.output.columns == columns)
      #expect(try gatherRows(tensor, [] as [Int], in: context).rows == 0)
    }
    // No inputs: what comes out is the activated bias.
    let weights = try LinearWeights(
      PackedMatrix(outputs: 2, inputs: 0, [], in: context),
      bias: Tensor(rows: 1, columns: 2, [-1, 2]))
    let input = try Tensor(rows: 2, columns: 0, [])
    #expect(try linear(input, weights, activation: .relu, in: context).values == [0, 2, 0, 2])
    #expect(try argmax(Tensor(rows: 0, columns: 0, [])) == [])
  }
}
