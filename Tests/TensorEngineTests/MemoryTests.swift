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
