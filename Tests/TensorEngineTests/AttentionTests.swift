import TensorEngine
import TestSupport
import Testing

@Suite struct AttentionTests {
  /// softmax(q kᵀ scale) v in float64 for one sequence; `permits` says whether a query may look at a key.
  private func naive(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, heads: Int, scale: Double,
    _ queries: Range<Int>, _ keys: Range<Int>, _ permits: (_ query: Int, _ key: Int) -> Bool
  ) -> (output: [Double], probabilities: [Double]) {
    let size = query.columns / max(1, heads)
    var output = [Double](repeating: 0, count: queries.count * query.columns)
    var probabilities: [Double] = []
    for head in 0..<heads {
      for (row, q) in queries.enumerated() {
        var scores = keys.enumerated().map { column, k in
          guard permits(row, column) else { return -Double.infinity }
          return (0..<size).reduce(0.0) { sum, feature in
            let column = head * size + feature
            return sum + Double(query[q, column] ?? .nan) * Double(key[k, column] ?? .nan)
          } * scale
        }
        let largest = scores.max() ?? 0
        scores = scores.map { largest == -.infinity ? 1 : exponential($0 - largest) }
        let sum = scores.reduce(0, +)
        for (column, k) in keys.enumerated() {
          let weight = scores[column] / sum
          probabilities.append(weight)
          for feature in 0..<size {
            output[row * query.columns + head * size + feature] +=
              weight * Double(value[k, head * size + feature] ?? .nan)
          }
        }
      }
    }
    return (output, probabilities)
  }

  private func largestDifference(_ found: [Float], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).map { abs(Double($0) - $1) }.reduce(0) { $0 >= $1 ? $0 : $1 }
  }

  @Test(
    "Ragged batches agree with float64, with and without probabilities",
    arguments: [AttentionMask.Reach.everywhere, .causal], [1, 5, 32, 64, 70, 300])
  func ragged(_ reach: AttentionMask.Reach, _ size: Int) throws {
    var generator = SeededGenerator(seed: UInt64(size))
    let heads = 2
    let batch = try RaggedBatch(lengths: [7, 0, 33, 1, 270])
    let tokens = batch.tokenCount
    let qkv = try generator.tensor(tokens, 3 * heads * size)
    let query = try qkv.columns(0..<heads * size)
    let key = try qkv.columns(heads * size..<2 * heads * size)
    let value = try qkv.columns(2 * heads * size..<3 * heads * size)
    let kept = (0..<tokens).map { _ in generator.number(0...9) > 0 }
    let mask = AttentionMask(reach, keptKeys: kept)
    for context in Contexts.all {
      let scale = 1 / Float(size).squareRoot()
      let found = try attention(
        query: query, key: key, value: value, heads: heads, scale: scale, batch, mask: mask,
        in: context)
      let full = try attention(
        query: query, key: key, value: value, heads: heads, scale: scale, batch, mask: mask,
        probabilities: .returned, in: context)
      #expect(bits(found.output) == bits(full.output))
      // Queries of some rows: a few of each sequence, or its last ones.
      let some = (0..<batch.count).flatMap { sequence in
        let range = batch.starts[sequence]..<batch.starts[sequence + 1]
        return reach == .everywhere ? range.filter { $0 % 7 == 3 } : Array(range.suffix(35))
      }
      let few = try attention(
        query: gatherRows(query, some, in: context), key: key, value: value, heads: heads,
        scale: scale, batch, queries: batch.restricted(to: some), mask: mask,
        probabilities: .discarded, rounding: .none, in: context)
      #expect(bits(few.output) == bits(try gatherRows(found.output, some, in: context)))
      for sequence in 0..<batch.count {
        let range = batch.starts[sequence]..<batch.starts[sequence + 1]
        let expected = naive(
          query, key, value, heads: heads, scale: Double(scale), range, range
        ) { query, key in
          kept[range.lowerBound + key] && (reach == .everywhere || key <= query)
        }
        #expect(
          largestDifference(try found.output.rows(range).values, expected.output) < 4e-6,
          "\(context.kernels) \(sequence)")
        #expect(
          largestDifference(full.probabilities[sequence].values, expected.probabilities) < 2e-6,
          "\(context.kernels) \(sequence)")
      }
    }
  }

  @Test(
    "Sequences of every length and heads of every size up to 70 agree with float64",
    arguments: 1...70)
  func everySize(_ size: Int) throws {
    var generator = SeededGenerator(seed: UInt64(size))
    let batch = try RaggedBatch(lengths: Array(size % 2 == 0 ? 0...70 : 0...40))
    let (query, key, value) = try (
      generator.tensor(batch.tokenCount, size), generator.tensor(batch.tokenCount, size),
      generator.tensor(batch.tokenCount, size)
    )
    let reach: AttentionMask.Reach = size % 3 == 0 ? .everywhere : .causal
    let expected = (0..<batch.count).flatMap { sequence in
      let range = batch.starts[sequence]..<batch.starts[sequence + 1]
      return naive(query, key, value, heads: 1, scale: 0.5, range, range) {
        reach == .everywhere || $1 <= $0
      }.output
    }
    for context in Contexts.all {
      let found = try attention(
        query: query, key: key, value: value, heads: 1, scale: 0.5, batch,
        mask: AttentionMask(reach), in: context)
      #expect(largestDifference(found.output.values, expected) < 4e-6, "\(context.kernels)")
    }
  }

  @Test("Attention over a cache has the same bits as over all tokens at once")
  func cache() throws {
    var generator = SeededGenerator(seed: 3)
    let heads = 3
    let size = 20
    let lengths = [300, 5, 64]
    let batch = try RaggedBatch(lengths: lengths)
    let query = try generator.tensor(batch.tokenCount, heads * size)
    let key = try generator.tensor(batch.tokenCount, heads * size)
    let value = try generator.tensor(batch.tokenCount, heads * size)
    for context in Contexts.all {
      let whole = try attention(
        query: query, key: key, value: value, heads: heads, scale: 0.3, batch, mask: .causal,
        in: context)
      let cache = try KeyValueCache(sequences: 3, heads: heads, headSize: size, capacity: 1)
      var rows: [[UInt32]] = [[], [], []]
      var done = [0, 0, 0]
      // First a prompt of each sequence, and then one token after the other, until each is at its end.
      var step = [30, 2, 31]
      while step != [0, 0, 0] {
        let piece = try RaggedBatch(lengths: step)
        let indices = (0..<3).flatMap { sequence in
          (0..<step[sequence]).map { batch.starts[sequence] + done[sequence] + $0 }
        }
        try cache.append(
          key: gatherRows(key, indices, in: context),
          value: gatherRows(value, indices, in: context), piece, in: context)
        let output = try attention(
          query: gatherRows(query, indices, in: context), cache, scale: 0.3, piece, in: context
        ).output
        for sequence in 0..<3 {
          rows[sequence] += bits(
            try output.rows(piece.starts[sequence]..<piece.starts[sequence + 1]))
          done[sequence] += step[sequence]
          step[sequence] = min(1, lengths[sequence] - done[sequence])
        }
      }
      #expect(rows.flatMap { $0 } == bits(whole.output), "\(context.kernels)")
    }
  }

  /// Sets whose attention rounds, what it may round, and the largest error for numbers between -1 and 1.
  private static let roundings: [(KernelSet, AttentionRounding, Double)] = [
    (.best(at: .high), .asPrecision, 2e-5), (.emulatedTiles, .asPrecision, 2e-5),
    (.best(at: .bfloat16), .asPrecision, 1e-2), (.best, .asInt8, 1e-2),
    (.emulatedTiles, .asInt8, 1e-2),
  ]

  @Test(
    "Rounded attention is as close to float64 as its rounding allows, alone and in a batch",
    arguments: [1, 5, 32, 70])
  func rounded(_ size: Int) throws {
    var generator = SeededGenerator(seed: UInt64(size))
    let heads = 2
    let batch = try RaggedBatch(lengths: [7, 0, 33, 1, 270])
    let qkv = try generator.tensor(batch.tokenCount, 3 * heads * size)
    let query = try qkv.columns(0..<heads * size)
    let key = try qkv.columns(heads * size..<2 * heads * size)
    let value = try qkv.columns(2 * heads * size..<3 * heads * size)
    let kept = (0..<batch.tokenCount).map { _ in generator.number(0...9) > 0 }
    let scale = 1 / Float(size).squareRoot()
    let expected = (0..<batch.count).map { sequence in
      let range = batch.starts[sequence]..<batch.starts[sequence + 1]
      return naive(query, key, value, heads: heads, scale: Double(scale), range, range) {
        kept[range.lowerBound + $1]
      }
    }
    for (kernels, rounding, most) in Self.roundings {
      func found(
        _ rows: Range<Int>, _ batch: RaggedBatch, _ rounding: AttentionRounding, threads: Int,
        reach: AttentionMask.Reach = .everywhere
      ) throws -> AttentionResult {
        try attention(
          query: query.rows(rows), key: key.rows(rows), value: value.rows(rows), heads: heads,
          scale: scale, batch, mask: AttentionMask(reach, keptKeys: Array(kept[rows])),
          probabilities: .returned, rounding: rounding,
          in: ExecutionContext(threads: threads, kernels: kernels))
      }
      let tokens = 0..<batch.tokenCount
      let whole = try found(tokens, batch, rounding, threads: 1)
      #expect(
        bits(try found(tokens, batch, rounding, threads: 3).output) == bits(whole.output))
      for sequence in 0..<batch.count {
        let range = batch.starts[sequence]..<batch.starts[sequence + 1]
        let alone = try found(range, RaggedBatch(lengths: [range.count]), rounding, threads: 2)
        let rows = try whole.output.rows(range)
        #expect(bits(alone.output) == bits(rows), "\(kernels) \(rounding)")
        #expect(
          largestDifference(rows.values, expected[sequence].output) < most,
          "\(kernels) \(rounding) \(sequence)")
        #expect(
          largestDifference(
            whole.probabilities[sequence].values, expected[sequence].probabilities) < most,
          "\(kernels) \(rounding) \(sequence)")
      }
      #expect(
        bits(try found(tokens, batch, rounding, threads: 1, reach: .causal).output)
          == bits(try found(tokens, batch, .none, threads: 1, reach: .causal).output),
        "causal attention is that over a cache")
    }
  }
}
