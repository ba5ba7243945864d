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
          rows: lookup.count, indices: lookup.indices, unlearned: lookup.unlearned)
    }
    return recorded(operation, inputs, EmbeddingDerivative(tables: tables), in: context)
  }
}

/// Each row of a table gets the sum of the gradients of all places that took it, in their order, in chains as a product has them.
private struct EmbeddingDerivative: Derivative {
  struct Table {
    let rows: Int
    let indices: [Int]
    let unlearned: Int?
  }

  /// Nil for tables that need no gradient.
  let tables: [Table?]

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    try tables.map { (table) throws(CheckpointError) in
      try table.map { (table) throws(CheckpointError) in
        try sums(gradient, table, in: context)
      }
    }
  }

  private func sums(
    _ gradient: Tensor, _ table: Table, in context: ExecutionContext
  ) throws(CheckpointError) -> Tensor {
    let columns = gradient.columns
    let result = try context.tensor(table.rows, columns, "embedding")
    context.forEachRows(table.rows, columns: columns) { rows in
      for row in rows { unsafe weighbridge_fill(result.pointer(row: row), columns, 0) }
    }
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
    guard columns > 0 else { return result }
    let chains = try context.workspace.take(context.pool.threads * columns, "embedding")
    context.pool.run(runs.count) { number, thread in
      let run = runs[number]
      let sum = unsafe result.pointer(row: table.indices[places[run.lowerBound]])
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
    return result
  }
}
