#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
import TensorEngine
import TestSupport
import Testing

/// The derivatives of operators, in every instruction set, against torch's autograd in float64 and against finite differences.
@Suite struct GradientTests {
  private let reference: ReferenceResults

  init() throws {
    reference = try ReferenceResults("engine/gradients.safetensors")
  }

  private func numbers(_ seed: UInt64, _ rows: Int, _ columns: Int) throws -> StoredMatrix {
    try StoredMatrix(
      rows: rows, columns: columns, ReferenceResults.numbers(seed, rows * columns))
  }

  private func parameter(_ seed: UInt64, _ rows: Int, _ columns: Int) throws -> Parameter {
    Parameter("p\(seed)", try numbers(seed, rows, columns))
  }

  @Test(
    "The derivative of every activation is torch's, at its corners too", arguments: Contexts.all)
  func activations(_ context: ExecutionContext) throws {
    let values =
      ReferenceResults.numbers(1, 40, times: 12) + ReferenceResults.numbers(2, 20)
      + [0, -0.0, 3, -3, 6, 30, -30, 60, -60, 20.5]
    let identity = try LinearWeights(PackedMatrix(outputs: 1, inputs: 1, [1], in: context))
    let upstream = try Tensor(rows: 70, columns: 1, ReferenceResults.numbers(20, 70))
    for name in Activation.transformersNames {
      let activation = try #require(Activation(transformersName: name))
      let x = Parameter("x", try StoredMatrix(rows: 70, columns: 1, values))
      try linear(x.tensor(in: context), identity, activation: activation, in: context)
        .backward(from: upstream)
      try reference.expectGradient(x, "activation.\(name).x", context)
    }
  }

  @Test("Linear layers, plain, fused and Conv1D's, have torch's gradients", arguments: Contexts.all)
  func linearLayers(_ context: ExecutionContext) throws {
    let upstream = try ReferenceResults.tensor(21, 9, 13)
    for (name, activation) in [("linear", Activation.identity), ("linear.fused", .gelu)] {
      let x = try parameter(3, 9, 45)
      let (weight, bias) = (try parameter(4, 13, 45), try parameter(5, 1, 13))
      let residual = try parameter(6, 9, 13)
      let result = try linear(
        x.tensor(in: context), LinearWeights([weight], biases: [bias]), activation: activation,
        adding: residual.tensor(in: context), in: context)
      // Recording changes no bit.
      let packed = try LinearWeights(
        PackedMatrix(
          outputs: 13, inputs: 45, ReferenceResults.numbers(4, 13 * 45), in: context),
        bias: bias.values.tensor(in: context))
      let plain = try linear(
        x.tensor(in: context).detached, packed, activation: activation,
        adding: residual.values.tensor(in: context), in: context)
      #expect(bits(plain) == bits(result))
      #expect(result.requiresGradient && !plain.requiresGradient)
      try result.backward(from: upstream)
      for (parameter, part) in [
        (x, "x"), (weight, "weight"), (bias, "bias"), (residual, "residual"),
      ] { try reference.expectGradient(parameter, "\(name).\(part)", context) }
    }
    let x = try parameter(3, 9, 45)
    let (weight, bias) = (try parameter(7, 45, 13), try parameter(5, 1, 13))
    let weights = try LinearWeights([weight], biases: [bias], layout: .inputByOutput)
    try linear(x.tensor(in: context), weights, in: context).backward(from: upstream)
    for (parameter, part) in [(x, "x"), (weight, "weight"), (bias, "bias")] {
      try reference.expectGradient(parameter, "linear.conv1d.\(part)", context)
    }
  }

  @Test(
    "A result that is used several times gets the sum of what they give", arguments: Contexts.all)
  func shared(_ context: ExecutionContext) throws {
    let x = try parameter(3, 270, 5)
    let first = [try parameter(4, 5, 5), try parameter(5, 1, 5)]
    let second = [try parameter(8, 5, 5), try parameter(9, 1, 5)]
    let input = try x.tensor(in: context)
    let inner = try linear(
      input, LinearWeights([first[0]], biases: [first[1]]), activation: .tanh, adding: input,
      in: context)
    try linear(
      inner, LinearWeights([second[0]], biases: [second[1]]), adding: input, in: context
    ).backward(from: ReferenceResults.tensor(21, 270, 5))
    for (parameter, part) in [
      (x, "x"), (first[0], "weight"), (first[1], "bias"), (second[0], "weight2"),
      (second[1], "bias2"),
    ] { try reference.expectGradient(parameter, "linear.shared.\(part)", context) }
  }

  @Test("Gradients are what finite differences in float64 say", arguments: Contexts.all)
  func finiteDifferences(_ context: ExecutionContext) throws {
    let (rows, inputs, outputs) = (3, 5, 4)
    var generator = SeededGenerator(seed: 8)
    let sizes = [rows * inputs, outputs * inputs, outputs, rows * outputs]
    let values = sizes.map { generator.floats($0) }
    let upstream = generator.floats(rows * outputs)

    // Σ upstream ⊙ (tanh(x · Wᵀ + b) + r), all numbers of all four in one array.
    func loss(_ all: [Double]) -> Double {
      let starts = sizes.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
      var sum = 0.0
      for row in 0..<rows {
        for output in 0..<outputs {
          var z = all[starts[2] + output]
          for k in 0..<inputs {
            z += all[row * inputs + k] * all[starts[1] + output * inputs + k]
          }
          let place = row * outputs + output
          sum += Double(upstream[place]) * (tanh(z) + all[starts[3] + place])
        }
      }
      return sum
    }
    let point = values.flatMap { $0.map(Double.init) }
    let expected = point.indices.map { index in
      let step = 0x1p-17
      var (above, below) = (point, point)
      above[index] += step
      below[index] -= step
      return (loss(above) - loss(below)) / (2 * step)
    }

    let shapes = [(rows, inputs), (outputs, inputs), (1, outputs), (rows, outputs)]
    let parameters = try zip(values, shapes).map { values, shape in
      Parameter("", try StoredMatrix(rows: shape.0, columns: shape.1, values))
    }
    try linear(
      parameters[0].tensor(in: context),
      LinearWeights([parameters[1]], biases: [parameters[2]]), activation: .tanh,
      adding: parameters[3].tensor(in: context), in: context
    ).backward(from: Tensor(rows: rows, columns: outputs, upstream))
    let found = try parameters.flatMap { try #require($0.gradient).values }
    #expect(found.count == expected.count)
    #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) < 2e-6 })
  }

  @Test("Gradients have the same bits on 1, 2, 3 and 5 threads", arguments: [2, 3, 5])
  func sameBits(_ threads: Int) throws {
    func gradients(_ context: ExecutionContext) throws -> [[UInt32]] {
      var generator = SeededGenerator(seed: 9)
      func parameter(_ rows: Int, _ columns: Int) throws -> Parameter {
        Parameter(
          "",
          try StoredMatrix(rows: rows, columns: columns, generator.floats(rows * columns)))
      }
      let x = try parameter(310, 70)
      let weights = [try parameter(40, 70), try parameter(100, 70), try parameter(5, 70)]
      let biases = [try parameter(1, 40), try parameter(1, 100), try parameter(1, 5)]
      let joined = try linear(
        x.tensor(in: context), LinearWeights(weights, biases: biases), activation: .gelu,
        in: context)
      let next = try parameter(145, 33)
      try linear(joined, LinearWeights([next], layout: .inputByOutput), in: context)
        .backward(from: generator.tensor(310, 33))
      return try ([x, next] + weights + biases).map { bits(try #require($0.gradient)) }
    }
    for kernels in KernelSet.available {
      let one = try gradients(ExecutionContext(threads: 1, kernels: kernels))
      let several = try gradients(ExecutionContext(threads: threads, kernels: kernels))
      #expect(one == several, "\(kernels)")
    }
  }
}
