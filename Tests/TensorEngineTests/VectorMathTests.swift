import TensorEngine
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct VectorMathTests {
  /// How far a result is from the exact one, in units in the last place of the latter's float32.
  private func units(_ found: Float, _ exact: Double) -> Double {
    let rounded = Float(exact)
    if found == rounded { return 0 }
    guard found.isFinite, rounded.isFinite else {
      return found.isInfinite && exact > Double(Float.greatestFiniteMagnitude) ? 0 : .infinity
    }
    return abs(Double(found) - exact) / Double(rounded.ulp)
  }

  /// The largest such distance over all floats between two bounds, each `step`-th of them, of both signs.
  private func largest(
    _ from: Float, _ to: Float, step: UInt32, in context: ExecutionContext,
    _ function: (Tensor) throws -> Tensor, _ exact: (Double) -> Double
  ) throws -> Double {
    var inputs: [Float] = [0]
    for pattern in stride(from: from.bitPattern, through: to.bitPattern, by: Int(step)) {
      inputs.append(Float(bitPattern: pattern))
      inputs.append(-Float(bitPattern: pattern))
    }
    let results = try function(Tensor(rows: 1, columns: inputs.count, inputs)).values
    return zip(inputs, results).map { units($1, exact(Double($0))) }.max() ?? .infinity
  }

  // The bounds of these three are those that docs/engine.md states.

  @Test(
    "exp is within 1.1 units in the last place, results below the normal ones included",
    arguments: Contexts.all)
  func exponentials(_ context: ExecutionContext) throws {
    let error = try largest(
      0x1p-30, 110, step: 997, in: context, { try measure($0, .exp, in: context) }, exp)
    #expect(error < 1.1, "\(context.kernels)")
  }

  @Test("erf is within 1.3 units in the last place", arguments: Contexts.all)
  func errorFunction(_ context: ExecutionContext) throws {
    let error = try largest(
      0x1p-30, 10, step: 997, in: context, { try measure($0, .erf, in: context) }, erf)
    #expect(error < 1.3, "\(context.kernels)")
  }

  @Test("tanh is within 1.4 units in the last place", arguments: Contexts.all)
  func hyperbolicTangent(_ context: ExecutionContext) throws {
    let error = try largest(
      0x1p-30, 20, step: 997, in: context, { try activate($0, .tanh, in: context) }, tanh)
    #expect(error < 1.4, "\(context.kernels)")
  }

  @Test("Infinities and NaN come out as they should", arguments: Contexts.all)
  func special(_ context: ExecutionContext) throws {
    let input = try Tensor(rows: 1, columns: 3, [.infinity, -.infinity, .nan])
    let exponentials = try measure(input, .exp, in: context).values
    #expect(exponentials[0] == .infinity && exponentials[1] == 0 && exponentials[2].isNaN)
    for results in [
      try measure(input, .erf, in: context).values, try activate(input, .tanh, in: context).values,
    ] {
      #expect(results[0] == 1 && results[1] == -1 && results[2].isNaN)
    }
    for activation in Activation.allCases {
      #expect(
        try activate(input, activation, in: context).values[2].isNaN, "NaN becomes \(activation)")
    }
  }
}
