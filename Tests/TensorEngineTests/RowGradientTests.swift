import CheckpointBytes
import TensorEngine
import TestSupport
import Testing

/// Tables of which a step takes a few rows, beside the same steps with gradients of all rows, which are torch's.
@Suite struct RowGradientTests {
  private static let (rows, columns) = (60, 11)
  /// Rows that steps take; the third one takes none of a whole piece, the last one many.
  private let taken = [[3, 3, 17], [17, 59, 0, 3], [20], [3, 20, 59, 59, 41], Array(0..<40)]

  private func table() throws -> Parameter {
    Parameter(
      "table",
      try StoredMatrix(
        rows: Self.rows, columns: Self.columns,
        ReferenceResults.numbers(60, Self.rows * Self.columns)))
  }

  /// Adds the gradient of a step, by the rows that it takes or of all rows.
  private func learn(
    _ parameter: Parameter, _ step: Int, byRows: Bool, _ context: ExecutionContext
  ) throws {
    let rows = taken[step]
    let lookup =
      byRows
      ? try EmbeddingLookup(parameter, rows, unlearned: 0)
      // A tensor made of the parameter: its gradient has all rows.
      : EmbeddingLookup(try parameter.tensor(in: context), rows)
    var values = try ReferenceResults.tensor(70 + UInt64(step), rows.count, Self.columns).values
    if !byRows {
      // The row that does not learn.
      for (place, row) in rows.enumerated() where row == 0 {
        for column in 0..<Self.columns { values[place * Self.columns + column] = 0 }
      }
    }
    try embeddingSum([lookup], in: context)
      .backward(from: Tensor(rows: rows.count, columns: Self.columns, values))
  }

  private func optimizers(
    _ parameter: Parameter, _ context: ExecutionContext
  ) -> [any Optimizer] {
    func group(_ decay: Double) -> [ParameterGroup] {
      [ParameterGroup([parameter], weightDecay: decay)]
    }
    func adam(_ decay: Double, _ settings: Adam.Settings = Adam.Settings()) -> Adam {
      Adam(group(decay), learningRate: 0.05, settings: settings, in: context)
    }
    func sgd(_ decay: Double, _ settings: SGD.Settings) -> SGD {
      SGD(group(decay), learningRate: 0.1, settings: settings, in: context)
    }
    return [
      adam(0), adam(0.1), adam(0, Adam.Settings(decouplesDecay: false)),
      adam(0.1, Adam.Settings(decouplesDecay: false)), sgd(0, SGD.Settings()),
      sgd(0.01, SGD.Settings()), sgd(0, SGD.Settings(momentum: 0.9, isNesterov: true)),
      sgd(0.01, SGD.Settings(momentum: 0.9, dampening: 0.2)),
    ]
  }

  private func bits(_ values: [Float]?) -> [UInt32] { values?.map(\.bitPattern) ?? [] }

  @Test(
    "Gradients, their length and steps of every optimizer have the same bits",
    arguments: Contexts.all)
  func steps(_ context: ExecutionContext) throws {
    for index in 0..<8 {
      let (few, all) = (try table(), try table())
      let (first, second) = (optimizers(few, context)[index], optimizers(all, context)[index])
      for step in taken.indices {
        // One batch, two of a step, or rows beside a gradient of all rows, as of a table that scores words too.
        let batches = step == 1 ? [step, 0] : [step]
        for batch in batches {
          try learn(few, batch, byRows: true, context)
          try learn(all, batch, byRows: false, context)
        }
        if step == 3, index % 2 == 0 {
          for parameter in [few, all] {
            try parameter.tensor(in: context)
              .backward(from: ReferenceResults.tensor(80, Self.rows, Self.columns))
          }
        }
        #expect(bits(few.gradient?.values) == bits(all.gradient?.values), "\(index), \(step)")
        let norm = gradientNorm([few], in: context)
        #expect(norm == gradientNorm([all], in: context) && norm > 0)
        try first.step(gradientFactor: 0.5)
        try second.step(gradientFactor: 0.5)
        first.zeroGradients()
        second.zeroGradients()
        #expect(
          try bits(few.values.tensor(in: context).values)
            == bits(all.values.tensor(in: context).values), "\(index), \(step)")
      }
    }
  }

  @Test("What was remembered of some rows is gone on from")
  func resuming() throws {
    let context = try #require(Contexts.all.first)
    for index in 0..<8 {
      let (whole, stopped) = (try table(), try table())
      let first = optimizers(whole, context)[index]
      var second = optimizers(stopped, context)[index]
      for step in taken.indices {
        for (parameter, optimizer) in [(whole, first), (stopped, second)] {
          try learn(parameter, step, byRows: true, context)
          try optimizer.step()
          optimizer.zeroGradients()
        }
        let next = optimizers(stopped, context)[index]
        try next.restore(second.state)
        second = next
        #expect(
          try bits(whole.values.tensor(in: context).values)
            == bits(stopped.values.tensor(in: context).values), "\(index), \(step)")
      }
    }
  }

  @Test("A gradient of some rows takes their memory alone")
  func memory() throws {
    let context = try ExecutionContext(threads: 1)
    let parameter = Parameter(
      "table", try StoredMatrix(rows: 100_000, columns: 64, element: .float32))
    try embeddingSum([try EmbeddingLookup(parameter, [1, 99_999])], in: context)
      .backward(from: Tensor(rows: 2, columns: 64, Array(repeating: 1, count: 128)))
    #expect(context.keptNumberCount < 100_000)
    #expect(parameter.gradient?[99_999, 63] == 1 && parameter.gradient?[50, 0] == 0)
  }
}
