import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// Matrices of int8, and products that round more than float32's sums.
@Suite struct QuantizedTests {
  private func stored(_ rows: Int, _ columns: Int, _ values: [Float]) throws -> StoredMatrix {
    try StoredMatrix(rows: rows, columns: columns, values)
  }

  /// The nearest steps of a row's scale, and the scale.
  private func steps(_ row: ArraySlice<Float>) -> ([Int], Float) {
    let scale = (row.map(abs).max() ?? 0) / 127
    return (row.map { Int(($0 * (1 / scale)).rounded(.toNearestOrEven)) }, scale)
  }

  @Test(
    "A product of int8 is that of the steps that rows and outputs are rounded to",
    arguments: [[1, 1, 1], [3, 70, 33], [17, 65, 100], [40, 300, 31], [141, 257, 64]])
  func products(_ shape: [Int]) throws {
    let (rows, inputs, outputs) = (shape[0], shape[1], shape[2])
    var generator = SeededGenerator(seed: 21)
    let (left, right) = (generator.floats(rows * inputs), generator.floats(outputs * inputs))
    let input = try Tensor(rows: rows, columns: inputs, left)
    let transposed = (0..<inputs * outputs).map { right[$0 % outputs * inputs + $0 / outputs] }
    var results: [[UInt32]] = []
    for context in Contexts.all {
      let matrix = try PackedMatrix(
        quantizing: try stored(outputs, inputs, right), in: context)
      let other = try PackedMatrix(
        quantizing: try stored(inputs, outputs, transposed), layout: .inputByOutput, in: context)
      #expect(matrix.element == .int8)
      let found = try linear(input, LinearWeights(matrix), in: context)
      #expect(bits(try linear(input, LinearWeights(other), in: context)) == bits(found))
      results.append(bits(found))
    }
    for row in 0..<rows {
      let (terms, scale) = steps(left[row * inputs..<(row + 1) * inputs])
      for output in 0..<outputs {
        let (weights, step) = steps(right[output * inputs..<(output + 1) * inputs])
        let sum = zip(terms, weights).reduce(0) { $0 + $1.0 * $1.1 }
        let expected = Float(sum) * (scale * step)
        #expect(Float(bitPattern: results[0][row * outputs + output]) == expected)
      }
    }
    #expect(results.allSatisfy { $0 == results[0] }, "every instruction set gives the same bits")
  }

  @Test("Lookups in a matrix of int8 give the steps times the scale")
  func lookups() throws {
    var generator = SeededGenerator(seed: 22)
    let values = generator.floats(40 * 45)
    for context in Contexts.all {
      let matrix = try PackedMatrix(quantizing: try stored(40, 45, values), in: context)
      let found = try embeddingSum([EmbeddingLookup(matrix, [39, 0, 31])], in: context).values
      for (place, output) in [39, 0, 31].enumerated() {
        let (terms, scale) = steps(values[output * 45..<(output + 1) * 45])
        #expect(Array(found[place * 45..<(place + 1) * 45]) == terms.map { Float($0) * scale })
      }
    }
  }

  @Test("Steps and scales that are stored are taken as they are")
  func storedSteps() throws {
    let context = try #require(Contexts.all.first)
    let matrix = try PackedMatrix(outputs: 33, inputs: 5, element: .int8, in: context)
    unsafe matrix.pack(0..<33, .outputByInput, through: try PieceBuffers(in: context)) {
      (first, bytes) in
      for index in bytes.indices {
        unsafe bytes[index] = UInt8(bitPattern: Int8((first + index) % 50 - 25))
      }
    }
    try matrix.setScales((0..<33).map { Float($0) }, 0..<33)
    let found = try embeddingSum([EmbeddingLookup(matrix, [0, 7, 32])], in: context).values
    let expected = [0, 7, 32].flatMap { (output: Int) -> [Float] in
      (0..<5).map { (input: Int) -> Float in
        Float((output * 5 + input) % 50 - 25) * Float(output)
      }
    }
    #expect(found == expected)
    #expect(throws: CheckpointError(.mismatch, "PackedMatrix", "scales", "")) {
      try matrix.setScales([1], 0..<2)
    }
  }

  @Test("What int8 cannot be is refused")
  func refusals() throws {
    let context = try #require(Contexts.all.first)
    #expect(throws: CheckpointError(.mismatch, "StoredMatrix", "element", "")) {
      _ = try StoredMatrix(rows: 1, columns: 1, element: .int8)
    }
    #expect(throws: CheckpointError(.inconsistent, "PackedMatrix", "inputs", "")) {
      _ = try PackedMatrix(outputs: 1, inputs: 65_537, element: .int8, in: context)
    }
    #expect(throws: CheckpointError(.mismatch, "PackedMatrix", "scales", "")) {
      try PackedMatrix(outputs: 1, inputs: 1, in: context).setScales([1], 0..<1)
    }
    let input = try Parameter("x", try stored(1, 2, [1, 2])).tensor(in: context)
    let weights = try LinearWeights(
      PackedMatrix(quantizing: try stored(1, 2, [1, 2]), in: context))
    #expect(throws: CheckpointError(.unsupported, "linear", "weights", "")) {
      _ = try linear(input, weights, in: context)
    }
  }

  /// Sets that round, and those that every machine has.
  private static let sets = Precision.allCases.map(KernelSet.best(at:)) + [.emulatedTiles]

  @Test("Where a processor gains nothing by rounding, a set says that it does not")
  func precision() {
    for precision in Precision.allCases {
      let set = KernelSet.best(at: precision)
      #expect(set.precision == precision || set == .best)
    }
    #expect(KernelSet.available.allSatisfy { $0.precision == .full })
  }

  @Test("Rounded products have the same bits for any number of threads and beside any rows")
  func sameBits() throws {
    var generator = SeededGenerator(seed: 23)
    let (rows, inputs, outputs) = (75, 333, 70)
    let input = try generator.tensor(rows, inputs)
    let values = generator.floats(outputs * inputs)
    for set in Self.sets {
      var found: [[UInt32]] = []
      for threads in [1, 3] {
        let context = try ExecutionContext(threads: threads, kernels: set)
        let matrices = [
          try PackedMatrix(outputs: outputs, inputs: inputs, values, in: context),
          try PackedMatrix(quantizing: try stored(outputs, inputs, values), in: context),
        ]
        for matrix in matrices {
          let weights = try LinearWeights(matrix)
          let whole = try linear(input, weights, activation: .gelu, in: context)
          found.append(bits(whole))
          for part in [0..<1, 3..<20, 40..<75] {
            let some = try linear(input.rows(part), weights, activation: .gelu, in: context)
            let same = bits(whole)[part.lowerBound * outputs..<part.upperBound * outputs]
            #expect(bits(some) == Array(same))
          }
        }
      }
      #expect(found[0] == found[2] && found[1] == found[3], "\(set)")
    }
  }

  @Test("High precision is within 2e-5 of the largest value, forwards and in gradients")
  func high() throws {
    var generator = SeededGenerator(seed: 24)
    let (rows, inputs, outputs) = (33, 768, 65)
    let (left, right) = (generator.floats(rows * inputs), generator.floats(outputs * inputs))
    for set in [KernelSet.best(at: .high), .emulatedTiles] {
      let context = try ExecutionContext(threads: 2, kernels: set)
      let parameter = Parameter("w", try stored(outputs, inputs, right))
      let input = try Parameter("x", try stored(rows, inputs, left)).tensor(in: context)
      let found = try linear(input, LinearWeights([parameter]), in: context)
      let expected = (0..<rows * outputs).map { index in
        (0..<inputs).reduce(0.0) {
          $0 + Double(left[index / outputs * inputs + $1])
            * Double(right[index % outputs * inputs + $1])
        }
      }
      let largest = expected.map(abs).max() ?? 0
      for (value, exact) in zip(found.values, expected) {
        #expect(abs(Double(value) - exact) <= 2e-5 * largest)
      }
      try found.backward(
        from: Tensor(
          rows: rows, columns: outputs, Array(repeating: 1, count: rows * outputs)))
      let gradient = try #require(parameter.gradient).values
      for column in 0..<inputs {
        // Of the sum of all results: the sums of the columns of the input.
        let sum = (0..<rows).reduce(0.0) { $0 + Double(left[$1 * inputs + column]) }
        #expect(abs(Double(gradient[column]) - sum) < 1e-3)
      }
    }
  }
}
