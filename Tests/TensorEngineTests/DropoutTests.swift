import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// Random numbers that are a function of their place, and what is left out by them.
@Suite struct DropoutTests {
  @Test("The generator gives the published words")
  func knownWords() {
    // Of kat_vectors of Random123 1.14: philox4x32-10.
    let zeros = CounterGenerator.words((0, 0, 0, 0), (0, 0))
    #expect(zeros == (0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    let ones = CounterGenerator.words((.max, .max, .max, .max), (.max, .max))
    #expect(ones == (0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    let pi = CounterGenerator.words(
      (0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344), (0xA409_3822, 0x299F_31D0))
    #expect(pi == (0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  @Test("Normal numbers have their mean and deviation, and each purpose its own")
  func normal() {
    var generator = CounterGenerator(seed: 42, .parameters)
    let numbers = (0..<20_000).map { _ in generator.normal() }
    let mean = numbers.reduce(0, +) / 20_000
    let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000
    #expect(abs(mean) < 0.03 && abs(variance - 1) < 0.05, "\(mean) \(variance)")
    var other = CounterGenerator(seed: 42, .order)
    #expect(other.normal() != numbers[0])
    let order = Array(0..<1000).shuffled(by: &other)
    #expect(order != Array(0..<1000) && order.sorted() == Array(0..<1000))
  }

  @Test("Each number is dropped by the word of its place, in every instruction set")
  func places() throws {
    let (rows, columns) = (3, 150)
    let input = try Tensor(
      rows: rows, columns: columns, (0..<rows * columns).map { Float($0 + 1) })
    let choice = try Dropout(rate: 0.3, seed: 0x1234_5678_9ABC_DEF0, step: 7, stream: 5)
    let threshold = UInt32(Double(0.3 as Float) * 0x1p32)
    let expected = (0..<rows * columns).map { index -> Float in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      let words = CounterGenerator.words(
        (UInt32(column / 64 * 16 + column % 16), UInt32(row), 5, 7), (0x9ABC_DEF0, 0x1234_5678))
      let word = [words.0, words.1, words.2, words.3][column % 64 / 16]
      return word >= threshold ? Float(index + 1) * (1 / (1 - 0.3 as Float)) : 0
    }
    for context in Contexts.all {
      #expect(try dropout(input, choice, in: context).values == expected, "\(context.kernels)")
    }
  }

  @Test("The share that is dropped is the rate; the others make up for it", arguments: Contexts.all)
  func rates(_ context: ExecutionContext) throws {
    let ones = try Tensor(rows: 500, columns: 401, [Float](repeating: 1, count: 500 * 401))
    for rate in [Float(0), 0.1, 0.5, 1] {
      let result = try dropout(ones, Dropout(rate: rate, seed: 1), in: context).values
      let dropped = Float(result.count { $0 == 0 }) / Float(result.count)
      #expect(abs(dropped - rate) < 0.005, "\(rate) \(dropped)")
      #expect(result.allSatisfy { $0 == 0 || $0 == 1 / (1 - rate) })
    }
    #expect(throws: CheckpointError(.inconsistent, "Dropout", "rate", "")) {
      _ = try Dropout(rate: 1.5, seed: 1)
    }
  }

  @Test("The way back leaves out the same numbers", arguments: Contexts.all)
  func gradient(_ context: ExecutionContext) throws {
    var generator = SeededGenerator(seed: 2)
    let x = try generator.tensor(20, 70).requiringGradient(in: context)
    let choice = try Dropout(rate: 0.4, seed: 3, stream: 2)
    let slope = try generator.tensor(20, 70)
    let found = try gradients(of: dropout(x, choice, in: context), from: slope, for: [x])[0]
    #expect(try #require(found).values == dropout(slope, choice, in: context).values)
  }

  @Test(
    "Attention that leaves out weights has the gradients of what it computes",
    arguments: Contexts.all, [7, 3])
  func attentionGradient(_ context: ExecutionContext, queries: Int) throws {
    // Linear in the values: with the output's gradient on one number, the gradients of the values are the weights.
    var generator = SeededGenerator(seed: 5)
    let (tokens, size) = (7, 4)
    let parts = try [queries, tokens, tokens].map { try generator.tensor($0, size) }
    let values = parts[2].requiringGradient(in: context)
    let choice = try Dropout(rate: 0.5, seed: 11)
    let batch = try RaggedBatch(lengths: [tokens])
    func output(_ query: Tensor, _ key: Tensor, _ value: Tensor) throws -> Tensor {
      try attention(
        query: query, key: key, value: value, heads: 1, scale: 0.5, batch,
        queries: RaggedBatch(lengths: [queries]), mask: .none, probabilities: .discarded,
        dropout: choice, rounding: .none, in: context
      ).output
    }
    let result = try output(parts[0], parts[1], values)
    let slope = try Tensor(
      rows: queries, columns: size, (0..<queries * size).map { $0 == 2 * size ? 1 : 0 })
    let weights = try #require(try gradients(of: result, from: slope, for: [values])[0])
    let sum = (0..<tokens).reduce(Float(0)) {
      $0 + (weights[$1, 0] ?? 0) * (parts[2][$1, 0] ?? 0)
    }
    #expect(abs(sum - (result[2, 0] ?? 0)) < 1e-5)
    #expect((0..<tokens).contains { weights[$0, 0] == 0 })
    // Of queries and keys by differences.
    let upstream = try generator.tensor(queries, size)
    let inputs = parts[0..<2].map { $0.requiringGradient(in: context) }
    let found = try gradients(
      of: output(inputs[0], inputs[1], parts[2]), from: upstream, for: Array(inputs))
    func loss(_ query: Tensor, _ key: Tensor) throws -> Double {
      zip(try output(query, key, parts[2]).values, upstream.values)
        .reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    for (input, place) in [(0, 5), (1, 9)] {
      let step: Float = 0x1p-7
      let moved = try [step, -step].map { change in
        var both = parts
        var numbers = parts[input].values
        numbers[place] += change
        both[input] = try Tensor(rows: parts[input].rows, columns: size, numbers)
        return try loss(both[0], both[1])
      }
      let slope = (moved[0] - moved[1]) / (2 * Double(step))
      let gradient = try #require(found[input]).values[place]
      #expect(abs(slope - Double(gradient)) < 2e-4, "\(slope) \(gradient)")
    }
  }
}
