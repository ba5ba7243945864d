internal import CKernels
internal import CheckpointBytes

extension Tensor {
  /// The tensor as the sum of rows that lookups gave, which remembers them if a table needs a gradient.
  func recorded(
    _ operation: String, of lookups: [EmbeddingLookup], in context: ExecutionContext
  ) -> Tensor {
    guard GradientRecording.isOn else { return self }
    let inputs = lookups.map(\.gradientInput)
    guard inputs.contains(where: { $0 != nil }) else { return self }
    let tables = zip(lookups, inputs).map { lookup, input in
      input == nil
        ? nil
        : EmbeddingDerivative.Table(
          rows: lookup.count, indices: lookup.indices, unlearned: lookup.unlearned,
          isParameter: lookup.isParameter)
    }
    return recorded(operation, inputs, EmbeddingDerivative(tables: tables), in: context)
  }
}

/// Each row of a table gets the sum of the gradients of all places that took it, in their order, in chains as a product has them.
private struct EmbeddingDerivative: RowDerivative {
  struct Table {
    let rows: Int
    let indices: [Int]
    let unlearned: Int?
    /// Whether the rows alone are to be kept.
    let isParameter: Bool
  }

  /// Nil for tables that need no gradient.
  let tables: [Table?]

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    try tables.map { (table) throws(CheckpointError) in
      guard let table, !table.isParameter else { return nil }
      return try sums(gradient, table, in: context).dense()
    }
  }

  func rows(
    of place: Int, _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> RowGradient? {
    guard let table = tables[place], table.isParameter else { return nil }
    return try sums(gradient, table, in: context)
  }

  private func sums(
    _ gradient: Tensor, _ table: Table, in context: ExecutionContext
  ) throws(CheckpointError) -> RowGradient {
    let columns = gradient.columns
    // Places by the row that they took, those of a row in their order.
    let places = table.indices.indices.filter { table.indices[$0] != table.unlearned }
      .sorted { (table.indices[$0], $0) < (table.indices[$1], $1) }
    var runs: [Range<Int>] = []
    for (number, place) in places.enumerated() {
      if let last = runs.last, table.indices[places[last.lowerBound]] == table.indices[place] {
        runs[runs.count - 1] = last.lowerBound..<number + 1
      } else {
        runs.append(number..<number + 1)
      }
    }
    let rows = runs.map { table.indices[places[$0.lowerBound]] }
    let result = try context.tensor(rows.count, columns, "embedding")
    let found = RowGradient(rows: rows, values: result, count: table.rows, context: context)
    guard columns > 0 else { return found }
    let chains = try context.workspace.take(context.pool.threads * columns, "embedding")
    context.pool.run(runs.count) { number, thread in
      let run = runs[number]
      let sum = unsafe result.pointer(row: number)
      unsafe weighbridge_fill(sum, columns, 0)
      let chain = unsafe chains.memory + thread * columns
      let add = unsafe context.kernels.table.pointee.add
      var next = run.lowerBound
      while next < run.upperBound {
        let end = min(next + Int(WEIGHBRIDGE_SHORT_CHAIN), run.upperBound)
        unsafe weighbridge_copy(gradient.pointer(row: places[next]), chain, columns)
        for place in places[(next + 1)..<end] {
          unsafe add(chain, gradient.pointer(row: place), chain, columns)
        }
        unsafe add(sum, chain, sum, columns)
        next = end
      }
    }
    extendLifetime((gradient, chains))
    return found
  }
}
