#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// The derivative of every operator that has one, in every instruction set, against differences of the same function in float64, which is
/// written out here once more.
@Suite struct DifferenceTests {
  /// A matrix in float64.
  struct Matrix {
    let rows: Int
    let columns: Int
    var values: [Double]

    init(_ rows: Int, _ columns: Int, _ number: (Int, Int) -> Double) {
      self.rows = rows
      self.columns = columns
      values = (0..<rows * columns).map { number($0 / columns, $0 % columns) }
    }

    subscript(row: Int, column: Int) -> Double { values[row * columns + column] }

    func map(_ change: (Double) -> Double) -> Matrix {
      Matrix(rows, columns) { change(self[$0, $1]) }
    }

    /// The product with the transpose of another one.
    func times(transposed other: Matrix) -> Matrix {
      Matrix(rows, other.rows) { row, column in
        (0..<columns).reduce(0) { $0 + self[row, $1] * other[column, $1] }
      }
    }

    /// The logarithms of the softmax of each row, of the columns that count.
    func logSoftmax(_ counts: (Int, Int) -> Bool = { _, _ in true }) -> Matrix {
      let sums = (0..<rows).map { row in
        log((0..<columns).reduce(0) { $0 + (counts(row, $1) ? exp(self[row, $1]) : 0) })
      }
      return Matrix(rows, columns) { self[$0, $1] - sums[$0] }
    }
  }

  /// Compares the result of an operator with that of a function in float64, and the gradient of each input with the differences of
  /// Σ slope ⊙ result.
  ///
  /// - Parameters:
  ///   - shapes: Rows and columns of the inputs, which are drawn evenly within ± `size`.
  ///   - isLearned: Whether a number of an input is one that learns.
  private func check(
    _ name: String, _ shapes: [(Int, Int)], size: Float = 1, _ context: ExecutionContext,
    isLearned: (_ input: Int, _ place: Int) -> Bool = { _, _ in true },
    ours: ([Parameter]) throws -> Tensor, exact: ([Matrix]) -> Matrix
  ) throws {
    var generator = SeededGenerator(seed: UInt64(name.utf8.count * 100 + shapes.count))
    let values = shapes.map { generator.floats($0.0 * $0.1).map { $0 * size } }
    let parameters = try zip(values, shapes).enumerated().map { number, input in
      Parameter(
        "p\(number)",
        try StoredMatrix(rows: input.1.0, columns: input.1.1, input.0))
    }
    let result = try ours(parameters)
    let slope = generator.floats(result.rows * result.columns)
    func evaluated(_ values: [[Double]]) -> Matrix {
      exact(
        zip(values, shapes).map { values, shape in
          Matrix(shape.0, shape.1) { values[$0 * shape.1 + $1] }
        })
    }
    func loss(_ values: [[Double]]) -> Double {
      zip(evaluated(values).values, slope).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    let point = values.map { $0.map(Double.init) }
    let wanted = evaluated(point)
    #expect(result.rows == wanted.rows && result.columns == wanted.columns, "\(name)")
    expectClose(
      zip(result.values, wanted.values).filter { $0.0.isFinite }.map { (Double($0.0), $0.1) },
      "\(name), result, \(context.kernels)")
    try result.backward(from: Tensor(rows: result.rows, columns: result.columns, slope))
    for (input, parameter) in parameters.enumerated() {
      let found = try #require(parameter.gradient, "\(name) \(input)").values
      #expect(found.count == point[input].count)
      let pairs = found.indices.map { place -> (Double, Double) in
        guard isLearned(input, place) else { return (Double(found[place]), 0) }
        let step = 0x1p-17
        var (above, below) = (point, point)
        above[input][place] += step
        below[input][place] -= step
        return (Double(found[place]), (loss(above) - loss(below)) / (2 * step))
      }
      #expect(pairs.contains { $0.1 != 0 })
      expectClose(pairs, "\(name), input \(input), \(context.kernels)")
    }
  }

  /// Some roundings of the greatest number.
  private func expectClose(_ pairs: [(found: Double, wanted: Double)], _ comment: String) {
    let largest = pairs.map { abs($0.wanted) }.max() ?? 0
    let error = pairs.map { abs($0.found - $0.wanted) }.reduce(0) { $0 >= $1 ? $0 : $1 }
    #expect(error <= 24 * 0x1p-24 * max(1, largest), "\(comment): error \(error) of \(largest)")
  }

  private func tensors(_ parameters: [Parameter], _ context: ExecutionContext) throws -> [Tensor] {
    try parameters.map { try $0.tensor(in: context) }
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  private static func value(_ activation: Activation, _ x: Double) -> Double {
    let softplus = log(1 + exp(x))
    switch activation {
    case .identity: return x
    case .gelu: return x * (1 + erf(x / 2.0.squareRoot())) / 2
    case .geluTanh:
      return x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))) / 2
    case .quickGELU: return x * sigmoid(1.702 * x)
    case .clippedGELU: return min(10, max(-10, value(.gelu, x)))
    case .relu: return max(x, 0)
    case .reluSquared: return max(x, 0) * max(x, 0)
    case .relu6: return min(6, max(x, 0))
    case .leakyReLU: return x > 0 ? x : x / 100
    case .silu: return x * sigmoid(x)
    case .hardSwish: return x * min(6, max(x + 3, 0)) / 6
    case .sigmoid: return sigmoid(x)
    case .tanh: return tanh(x)
    case .mish: return x * tanh(softplus)
    case .laplace: return (1 + erf((x - 0.707107) / (0.282095 * 2.0.squareRoot()))) / 2
    case .sqrtSoftplus: return softplus.squareRoot()
    }
  }

  @Test("Activations", arguments: Contexts.all)
  func activations(_ context: ExecutionContext) throws {
    for activation in Activation.allCases {
      try check("\(activation)", [(5, 13)], size: 12, context) {
        try activate($0[0].tensor(in: context), activation, in: context)
      } exact: {
        $0[0].map { Self.value(activation, $0) }
      }
    }
  }

  @Test(
    "Linear layers: of several parts, of Conv1D's, with an activation, a residual and factors",
    arguments: Contexts.all)
  func linearLayers(_ context: ExecutionContext) throws {
    try check("parts", [(5, 7), (3, 7), (1, 3), (4, 7), (1, 4), (5, 7)], context) {
      try linear(
        $0[0].tensor(in: context), LinearWeights([$0[1], $0[3]], biases: [$0[2], $0[4]]),
        activation: .gelu, adding: $0[5].tensor(in: context), in: context)
    } exact: { x in
      let (first, second) = (x[0].times(transposed: x[1]), x[0].times(transposed: x[3]))
      return Matrix(5, 7) { row, column in
        let sum =
          column < 3
          ? first[row, column] + x[2][0, column] : second[row, column - 3] + x[4][0, column - 3]
        return Self.value(.gelu, sum) + x[5][row, column]
      }
    }
    try check("inputs by outputs", [(5, 7), (7, 4), (1, 4)], context) {
      try linear(
        $0[0].tensor(in: context),
        LinearWeights([$0[1]], biases: [$0[2]], layout: .inputByOutput), in: context)
    } exact: { x in
      Matrix(5, 4) { row, column in
        (0..<7).reduce(x[2][0, column]) { $0 + x[0][row, $1] * x[1][$1, column] }
      }
    }
    try check("factors", [(5, 7), (6, 7), (1, 6), (2, 7), (3, 2), (1, 7), (6, 1)], context) {
      let weights = try LinearWeights([$0[1]], biases: [$0[2]]).adding([
        LowRank(down: $0[3], up: $0[4], scale: 1.5, from: 2),
        LowRank(down: $0[5], up: $0[6], scale: -0.5),
      ])
      return try linear($0[0].tensor(in: context), weights, activation: .tanh, in: context)
    } exact: { x in
      let own = x[0].times(transposed: x[1])
      let one = x[0].times(transposed: x[3]).times(transposed: x[4])
      let other = x[0].times(transposed: x[5]).times(transposed: x[6])
      return Matrix(5, 6) { row, column in
        tanh(
          own[row, column] + x[2][0, column] - 0.5 * other[row, column]
            + ((2..<5).contains(column) ? 1.5 * one[row, column - 2] : 0))
      }
    }
  }

  @Test("Layer norms", arguments: Contexts.all)
  func layerNorms(_ context: ExecutionContext) throws {
    try check("norm", [(6, 19), (1, 19), (1, 19)], size: 2, context) {
      try layerNorm(
        $0[0].tensor(in: context),
        LayerNormWeights(weight: $0[1], bias: $0[2], epsilon: 1e-3), in: context)
    } exact: { x in
      let means = (0..<6).map { row in (0..<19).reduce(0) { $0 + x[0][row, $1] } / 19 }
      let factors = (0..<6).map { row in
        let square = (0..<19).reduce(0) {
          $0 + (x[0][row, $1] - means[row]) * (x[0][row, $1] - means[row])
        }
        return 1 / (square / 19 + 1e-3).squareRoot()
      }
      return Matrix(6, 19) {
        (x[0][$0, $1] - means[$0]) * factors[$0] * x[1][0, $1] + x[2][0, $1]
      }
    }
  }

  @Test("Rows that are looked up, taken, spread, zeroed and turned", arguments: Contexts.all)
  func rows(_ context: ExecutionContext) throws {
    let (words, kinds) = ([4, 0, 4, 1, 3, 4], [0, 1, 1, 0, 0, 1])
    try check("lookups", [(5, 9), (2, 9)], context, isLearned: { $0 == 1 || $1 / 9 != 3 }) {
      try embeddingSum(
        [EmbeddingLookup($0[0], words, unlearned: 3), EmbeddingLookup($0[1], kinds)], in: context)
    } exact: { x in
      Matrix(6, 9) { x[0][words[$0], $1] + x[1][kinds[$0], $1] }
    }
    try check("taken", [(5, 9)], context) {
      try gatherRows($0[0].tensor(in: context), words, in: context)
    } exact: { x in
      Matrix(6, 9) { x[0][words[$0], $1] }
    }
    try check("spread", [(3, 4)], context) {
      try zeroingRows(
        spreadingRows($0[0].tensor(in: context), to: [3, 0, 1], of: 5, in: context), [1],
        in: context)
    } exact: { x in
      Matrix(5, 4) { row, column in
        switch row {
        case 0: x[0][1, column]
        case 3: x[0][0, column]
        default: 0
        }
      }
    }
    // Places beyond a text are −∞, which are left out: they depend on nothing.
    try check("turned", [(5, 1)], context) {
      try rowsOfSequences($0[0].tensor(in: context), RaggedBatch(lengths: [2, 0, 3]), in: context)
    } exact: { x in
      Matrix(3, 3) { row, column in
        row == 0 && column < 2 ? x[0][column, 0] : row == 2 ? x[0][2 + column, 0] : 0
      }
    }
  }

  @Test("Softmax and arithmetic", arguments: Contexts.all)
  func arithmetic(_ context: ExecutionContext) throws {
    try check("softmax", [(4, 21)], size: 4, context) {
      try softmax($0[0].tensor(in: context), in: context)
    } exact: {
      $0[0].logSoftmax().map(exp)
    }
    try check("logarithms", [(4, 21)], size: 4, context) {
      try logSoftmax($0[0].tensor(in: context), in: context)
    } exact: {
      $0[0].logSoftmax()
    }
    try check("arithmetic", [(4, 21), (4, 21)], context) {
      let x = try tensors($0, context)
      return try add(
        multiply(x[0], scale(x[1], by: -2.5, in: context), in: context), x[1], in: context)
    } exact: { x in
      Matrix(4, 21) { -2.5 * x[0][$0, $1] * x[1][$0, $1] + x[1][$0, $1] }
    }
    try check("sum", [(4, 21)], context) {
      let x = try $0[0].tensor(in: context)
      return try sum(multiply(x, x, in: context), in: context)
    } exact: { x in
      Matrix(1, 1) { _, _ in x[0].values.reduce(0) { $0 + $1 * $1 } }
    }
  }

  @Test(
    "Attention, whatever the mask, of ragged batches and with weights that are left out",
    arguments: Contexts.all)
  func attentions(_ context: ExecutionContext) throws {
    let (heads, size, scale) = (2, 5, Float(0.6))
    let width = heads * size
    /// Attention of the texts of a batch: which keys count, and what is added to scores and multiplied with weights.
    func exact(
      _ x: [Matrix], _ lengths: [Int], counts: (Int, Int) -> Bool = { _, _ in true },
      added: Matrix? = nil, factors: Matrix? = nil, heads: Int = heads, scale: Float = scale
    ) -> Matrix {
      let size = x[2].columns / heads
      var output = Matrix(x[0].rows, x[2].columns) { _, _ in 0 }
      var start = 0
      for length in lengths {
        for head in 0..<heads {
          func part(_ matrix: Matrix) -> Matrix {
            Matrix(length, size) { matrix[start + $0, head * size + $1] }
          }
          let products = part(x[0]).times(transposed: part(x[1]))
          let scores = Matrix(length, length) {
            products[$0, $1] * Double(scale) + (added?[head * length + $0, $1] ?? 0)
          }
          let weights = scores.logSoftmax(counts).map(exp)
          for row in 0..<length {
            for column in 0..<size {
              output.values[(start + row) * x[2].columns + head * size + column] =
                (0..<length).reduce(0) {
                  guard counts(row, $1) else { return $0 }
                  return $0 + weights[row, $1] * (factors?[row, $1] ?? 1)
                    * x[2][start + $1, head * size + column]
                }
            }
          }
        }
        start += length
      }
      return output
    }
    let shapes = Array(repeating: (7, width), count: 3)
    let kept = [true, false, true, true, true, true, false]
    let added = ReferenceResults.numbers(18, 2 * 7 * 7, times: 2)
    let addedTensor = try Tensor(rows: 14, columns: 7, added)
    let addedMatrix = Matrix(14, 7) { Double(added[$0 * 7 + $1]) }
    for (name, lengths, mask, counts, added) in [
      ("all", [7], .none, { _, _ in true }, nil),
      ("ragged", [3, 0, 4], .none, { _, _ in true }, nil),
      ("causal", [7], .causal, { $1 <= $0 }, nil),
      ("ragged, causal", [4, 3], .causal, { $1 <= $0 }, nil),
      ("holes", [7], AttentionMask(keptKeys: kept), { kept[$1] }, nil),
      ("causal, holes", [7], AttentionMask(.causal, keptKeys: kept), { $1 <= $0 && kept[$1] }, nil),
      ("added", [7], AttentionMask(added: [addedTensor]), { _, _ in true }, addedMatrix),
    ] as [(String, [Int], AttentionMask, (Int, Int) -> Bool, Matrix?)] {
      try check(name, shapes, context) {
        let x = try tensors($0, context)
        return try attention(
          query: x[0], key: x[1], value: x[2], heads: heads, scale: scale,
          RaggedBatch(lengths: lengths), mask: mask, in: context
        ).output
      } exact: {
        exact($0, lengths, counts: counts, added: added)
      }
    }
    // Queries of some rows; where not all keys may be looked at, the last ones of their sequences.
    for (name, lengths, rows, mask, counts) in [
      ("few", [7], [1, 3, 4], AttentionMask(keptKeys: kept), { kept[$1] }),
      ("few, ragged", [3, 0, 4], [4, 5, 6], .none, { _, _ in true }),
      ("few, causal", [3, 0, 4], [2, 5, 6], .causal, { $1 <= $0 }),
    ] as [(String, [Int], [Int], AttentionMask, (Int, Int) -> Bool)] {
      try check(name, shapes, context) {
        let x = try tensors($0, context)
        let batch = try RaggedBatch(lengths: lengths)
        return try attention(
          query: gatherRows(x[0], rows, in: context), key: x[1], value: x[2], heads: heads,
          scale: scale, batch, queries: batch.restricted(to: rows), mask: mask,
          probabilities: .discarded, rounding: .none, in: context
        ).output
      } exact: {
        let all = exact($0, lengths, counts: counts)
        return Matrix(rows.count, width) { all[rows[$0], $1] }
      }
    }
    try check("joined", [(7, 3 * width)], context) {
      try selfAttention(
        $0[0].tensor(in: context), heads: heads, scale: scale, RaggedBatch(lengths: [7]),
        in: context
      ).output
    } exact: { x in
      exact((0..<3).map { part in Matrix(7, width) { x[0][$0, part * width + $1] } }, [7])
    }
    // Which weights are left out shows when values are the unit matrix and all weights are equal.
    let choice = try Dropout(rate: 0.4, seed: 11)
    func dropped(_ query: Tensor, _ key: Tensor, _ value: Tensor) throws -> Tensor {
      try attention(
        query: query, key: key, value: value, heads: 1, scale: scale, RaggedBatch(lengths: [7]),
        dropout: choice, in: context
      ).output
    }
    let zeros = try Tensor(rows: 7, columns: 7, Array(repeating: 0, count: 49))
    let unit = try Tensor(rows: 7, columns: 7, (0..<49).map { $0 / 7 == $0 % 7 ? 1 : 0 })
    let shown = try dropped(zeros, zeros, unit).values
    let factors = Matrix(7, 7) { shown[$0 * 7 + $1] == 0 ? 0 : 1 / (1 - Double(0.4 as Float)) }
    #expect(factors.values.contains(0) && factors.values.contains { $0 > 1 })
    try check("left out", Array(repeating: (7, 7), count: 3), context) {
      let x = try tensors($0, context)
      return try dropped(x[0], x[1], x[2])
    } exact: {
      exact($0, [7], factors: factors, heads: 1)
    }
  }

  @Test("Losses", arguments: Contexts.all)
  func losses(_ context: ExecutionContext) throws {
    let labels = [2, ignoredLabel, 0, 4, 4, 1]
    let weights: [Float] = [0.5, 1, 2, 0.25, 1.5]
    for (weights, smoothing) in [
      (nil, 0), (weights, 0), (nil, 0.2), (weights, 0.2),
    ] as [([Float]?, Float)] {
      try check("cross-entropy", [(6, 5)], size: 3, context) {
        try crossEntropy(
          $0[0].tensor(in: context), labels, weights: weights, smoothing: smoothing, in: context)
      } exact: { x in
        let logarithms = x[0].logSoftmax()
        let share = Double(smoothing)
        var (sum, total) = (0.0, 0.0)
        for (row, label) in labels.enumerated() where label != ignoredLabel {
          let weight = Double(weights?[label] ?? 1)
          total += weight
          sum -= (1 - share) * weight * logarithms[row, label]
          for column in 0..<5 {
            sum -= share / 5 * Double(weights?[column] ?? 1) * logarithms[row, column]
          }
        }
        return Matrix(1, 1) { _, _ in sum / total }
      }
    }
    try check("squares", [(6, 5), (6, 5)], context) {
      let x = try tensors($0, context)
      return try meanSquaredError(x[0], x[1], in: context)
    } exact: { x in
      var sum = 0.0
      for (first, second) in zip(x[0].values, x[1].values) {
        sum += (first - second) * (first - second)
      }
      return Matrix(1, 1) { _, _ in sum / 30 }
    }
    let targets: [Float] = (0..<30).map { $0 % 3 == 0 ? 1 : $0 % 3 == 1 ? 0 : 0.25 }
    let positive: [Float] = [1, 2, 0.5, 3, 1.25]
    try check("binary", [(6, 5)], size: 3, context) {
      try binaryCrossEntropy(
        logits: $0[0].tensor(in: context), Tensor(rows: 6, columns: 5, targets),
        positiveWeights: positive, in: context)
    } exact: { x in
      var sum = 0.0
      for (place, logit) in x[0].values.enumerated() {
        let target = Double(targets[place])
        let p = Self.sigmoid(logit)
        sum -= Double(positive[place % 5]) * target * log(p)
        sum -= (1 - target) * log(1 - p)
      }
      return Matrix(1, 1) { _, _ in sum / 30 }
    }
    let teacher = ReferenceResults.numbers(81, 30, times: 3)
    try check("distillation", [(6, 5)], size: 3, context) {
      try distillation(
        $0[0].tensor(in: context), teacher: Tensor(rows: 6, columns: 5, teacher), temperature: 2.5,
        in: context)
    } exact: { x in
      let ours = x[0].map { $0 / 2.5 }.logSoftmax()
      let theirs = Matrix(6, 5) { Double(teacher[$0 * 5 + $1]) / 2.5 }.logSoftmax()
      var sum = 0.0
      for (wanted, found) in zip(theirs.values, ours.values) {
        sum += exp(wanted) * (wanted - found)
      }
      return Matrix(1, 1) { _, _ in 2.5 * 2.5 * sum / 6 }
    }
  }

  @Test("What is left out, and what is computed again on the way back", arguments: Contexts.all)
  func passes(_ context: ExecutionContext) throws {
    let choice = try Dropout(rate: 0.3, seed: 5, step: 2, stream: 4)
    let ones = try Tensor(rows: 6, columns: 20, Array(repeating: 1, count: 120))
    let kept = try dropout(ones, choice, in: context).values
    #expect(kept.contains(0) && kept.contains { $0 > 1 })
    try check("dropout", [(6, 20), (6, 20)], context) {
      let x = try tensors($0, context)
      return try dropout(x[0], choice, adding: x[1], in: context)
    } exact: { x in
      Matrix(6, 20) {
        (kept[$0 * 20 + $1] == 0 ? 0 : x[0][$0, $1] / (1 - Double(0.3 as Float))) + x[1][$0, $1]
      }
    }
    try check("recomputing", [(5, 7), (6, 7)], context) { parameters in
      let weights = try LinearWeights([parameters[1]])
      return try recomputing(parameters[0].tensor(in: context), in: context) {
        (input) throws(CheckpointError) in
        try activate(try linear(input, weights, in: context), .tanh, in: context)
      }
    } exact: { x in
      x[0].times(transposed: x[1]).map { tanh($0) }
    }
  }
}
