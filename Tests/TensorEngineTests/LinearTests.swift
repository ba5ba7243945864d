import TensorEngine
import TestSupport
import Testing

@Suite struct LinearTests {
  /// The product in float64, and for each sum the sum of the magnitudes of its terms, which bounds its rounding.
  private func naive(
    _ left: [Float], _ right: [Float], _ rows: Int, _ inputs: Int, _ outputs: Int
  ) -> (sums: [Double], magnitudes: [Double]) {
    var sums = [Double](repeating: 0, count: rows * outputs)
    var magnitudes = sums
    for row in 0..<rows {
      for output in 0..<outputs {
        var sum = 0.0
        var magnitude = 0.0
        for k in 0..<inputs {
          let term = Double(left[row * inputs + k]) * Double(right[output * inputs + k])
          sum += term
          magnitude += abs(term)
        }
        sums[row * outputs + output] = sum
        magnitudes[row * outputs + output] = magnitude
      }
    }
    return (sums, magnitudes)
  }

  /// The first place where a product is further from float64 than `terms` roundings of its terms allow.
  private func firstDifference(
    rows: Int, inputs: Int, outputs: Int, _ generator: inout SeededGenerator
  ) throws -> String? {
    let left = generator.floats(rows * inputs)
    let right = generator.floats(outputs * inputs)
    let (sums, magnitudes) = naive(left, right, rows, inputs, outputs)
    let input = try Tensor(rows: rows, columns: inputs, left)
    for context in Contexts.all {
      let weights = try LinearWeights(
        PackedMatrix(outputs: outputs, inputs: inputs, right, in: context))
      let values = try linear(input, weights, in: context).values
      guard values.count == sums.count else { return "\(values.count) results" }
      for index in values.indices {
        let allowed = Double(min(inputs, 258)) * 0x1p-24 * magnitudes[index] + 1e-30
        if !(abs(Double(values[index]) - sums[index]) <= allowed) {
          return "\(context.kernels) [\(rows), \(inputs)] · [\(outputs)] at \(index): "
            + "\(values[index]), expected \(sums[index])"
        }
      }
    }
    return nil
  }

  private static let sizes = [0] + Array(stride(from: 1, to: 71, by: 2))

  @Test("Products of all odd sizes agree with float64 in every instruction set", arguments: sizes)
  func oddSizes(_ rows: Int) throws {
    var generator = SeededGenerator(seed: UInt64(rows))
    for inputs in Self.sizes {
      for outputs in Self.sizes {
        let difference = try firstDifference(
          rows: rows, inputs: inputs, outputs: outputs, &generator)
        #expect(difference == nil)
      }
    }
  }

  @Test(
    "Products deeper and higher than a block agree with float64",
    arguments: [
      [1, 255, 33], [2, 256, 64], [15, 257, 31], [29, 513, 97], [141, 300, 65], [283, 1025, 40],
    ])
  func blocks(_ shape: [Int]) throws {
    var generator = SeededGenerator(seed: 7)
    let difference = try firstDifference(
      rows: shape[0], inputs: shape[1], outputs: shape[2], &generator)
    #expect(difference == nil)
  }
}
