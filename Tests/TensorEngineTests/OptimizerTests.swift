import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// Optimizers against torch's, step by step.
@Suite struct OptimizerTests {
  private let reference: ReferenceResults

  init() throws {
    reference = try ReferenceResults("engine/optimizers.safetensors")
  }

  private func parameter() throws -> Parameter {
    Parameter("p", try StoredMatrix(rows: 3, columns: 11, ReferenceResults.numbers(40, 33)))
  }

  private func learn(
    _ parameter: Parameter, _ optimizer: any Optimizer, _ steps: Range<Int>,
    _ context: ExecutionContext
  ) throws -> [Float] {
    try steps.flatMap { step in
      try parameter.tensor(in: context)
        .backward(from: ReferenceResults.tensor(41 + UInt64(step), 3, 11))
      try optimizer.step()
      optimizer.zeroGradients()
      return try parameter.values.tensor(in: context).values
    }
  }

  private func optimizers(
    _ parameter: Parameter, _ context: ExecutionContext
  ) -> [(String, any Optimizer)] {
    func group(_ decay: Double = 0) -> [ParameterGroup] {
      [ParameterGroup([parameter], weightDecay: decay)]
    }
    return [
      ("sgd", SGD([parameter], learningRate: 0.1, in: context)),
      (
        "sgd.momentum",
        SGD(
          group(0.01), learningRate: 0.1,
          settings: SGD.Settings(momentum: 0.9, dampening: 0.2), in: context)
      ),
      (
        "sgd.nesterov",
        SGD(
          group(), learningRate: 0.1, settings: SGD.Settings(momentum: 0.9, isNesterov: true),
          in: context)
      ),
      (
        "adam",
        Adam(
          group(0.1), learningRate: 0.05, settings: Adam.Settings(decouplesDecay: false),
          in: context)
      ),
      (
        "adamw",
        Adam(
          group(0.1), learningRate: 0.05,
          settings: Adam.Settings(firstBeta: 0.8, secondBeta: 0.95, epsilon: 1e-6), in: context)
      ),
    ]
  }

  @Test("Steps are torch's", arguments: Contexts.all)
  func steps(_ context: ExecutionContext) throws {
    for index in 0..<5 {
      let parameter = try parameter()
      let (name, optimizer) = optimizers(parameter, context)[index]
      try reference.expect(
        learn(parameter, optimizer, 0..<6, context), name, "\(context.kernels)")
    }
  }

  @Test("An optimizer goes on from what was remembered, with the same bits")
  func resuming() throws {
    let context = try #require(Contexts.all.first)
    for index in 0..<5 {
      let (whole, first) = (try parameter(), try parameter())
      let all = try learn(whole, optimizers(whole, context)[index].1, 0..<6, context)
      let before = optimizers(first, context)[index].1
      _ = try learn(first, before, 0..<3, context)
      let second = Parameter("p", try first.values)
      let after = optimizers(second, context)[index].1
      let state = before.state
      try after.restore(state)
      // What was handed out stays as it was.
      _ = try learn(first, before, 3..<4, context)
      #expect(try learn(second, after, 3..<6, context) == Array(all[99...]))
    }
    let optimizer = SGD([try parameter()], learningRate: 1, momentum: 0.5, in: context)
    #expect(throws: CheckpointError(.mismatch, "Optimizer.restore", "state", "")) {
      try optimizer.restore([])
    }
    #expect(throws: CheckpointError(.mismatch, "Optimizer.restore", "p", "")) {
      try optimizer.restore([ParameterState(step: 1, values: [])])
    }
  }

  @Test("Values that somebody was given stay as they were; frozen parameters do not change")
  func values() throws {
    let context = try #require(Contexts.all.first)
    let (parameter, frozen) = (try parameter(), try parameter())
    frozen.requiresGradient = false
    let before = try parameter.values
    let optimizer = SGD([parameter, parameter, frozen], learningRate: 1, in: context)
    #expect(optimizer.parameters.count == 2)
    _ = try learn(parameter, optimizer, 0..<1, context)
    #expect(try before.tensor(in: context).values == ReferenceResults.numbers(40, 33))
    #expect(try parameter.values.tensor(in: context).values != ReferenceResults.numbers(40, 33))
    #expect(try frozen.values.tensor(in: context).values == ReferenceResults.numbers(40, 33))
    let half = Parameter("h", try StoredMatrix(rows: 1, columns: 1, element: .float16))
    try half.tensor(in: context).backward(from: Tensor(rows: 1, columns: 1, [1]))
    #expect(throws: CheckpointError(.unsupported, "Parameter.update", "h", "")) {
      try SGD([half], learningRate: 1, in: context).step()
    }
  }

  @Test("Clipping takes all gradients as one vector, with the same bits on any number of threads")
  func clipping() throws {
    var norms: Set<UInt64> = []
    for threads in [1, 2, 3] {
      let context = try ExecutionContext(threads: threads)
      var generator = SeededGenerator(seed: 6)
      let parameters = try [(1, 1), (300, 700)].map { rows, columns in
        let parameter = Parameter(
          "p", try StoredMatrix(rows: rows, columns: columns, generator.floats(rows * columns)))
        try parameter.tensor(in: context).backward(from: parameter.values.tensor(in: context))
        return parameter
      }
      let norm = gradientNorm(parameters, in: context)
      let exact = try parameters.flatMap { try $0.values.tensor(in: context).values }
        .reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(abs(norm - exact) < exact * 1e-12)
      norms.insert(norm.bitPattern)
    }
    #expect(norms.count == 1)
    #expect(clippingFactor(norm: 0.5, maximum: 1) == 1)
    #expect(clippingFactor(norm: 4, maximum: 1) == 1 / (4 + 1e-6))
  }

  @Test("Schedules are Transformers'")
  func schedules() {
    // get_scheduler of Transformers 5.23 with 4 steps of warm-up and 10 in all.
    let steps = [0, 1, 3, 4, 7, 9, 10]
    #expect(
      steps.map { LearningRateSchedule.linear.factor(step: $0, warmup: 4, total: 10) }
        == [0, 0.25, 0.75, 1, 0.5, 1.0 / 6, 0])
    #expect(
      steps.map { LearningRateSchedule.constant.factor(step: $0, warmup: 4, total: 10) }
        == [0, 0.25, 0.75, 1, 1, 1, 1])
    let cosine = steps.map { LearningRateSchedule.cosine.factor(step: $0, warmup: 4, total: 10) }
    let expected = [0, 0.25, 0.75, 1, 0.5, 0.0669872981, 0]
    #expect(zip(cosine, expected).allSatisfy { abs($0 - $1) < 1e-9 })
    for schedule in [LearningRateSchedule.constant, .linear, .cosine] {
      for numbers in [(10, 0, Int.min), (10, .min, 10), (.max, .min, .min), (.min, .max, .max)] {
        let factor = schedule.factor(step: numbers.0, warmup: numbers.1, total: numbers.2)
        #expect(factor.isFinite)
      }
    }
  }
}
