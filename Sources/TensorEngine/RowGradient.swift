internal import CKernels
internal import CheckpointBytes

/// A gradient of a table that is zero but for some rows: of a vocabulary a step takes a few.
struct RowGradient: Sendable {
  /// The rows that are not zero, in rising order, each once.
  let rows: [Int]
  /// Their numbers, a row each.
  let values: Tensor
  /// The rows of the table.
  let count: Int
  let context: ExecutionContext

  /// All rows of the table.
  func dense() throws(CheckpointError) -> Tensor {
    let result = try context.tensor(count, values.columns, "gradient")
    unsafe fill(result) { row, numbers in
      unsafe weighbridge_copy(numbers, result.pointer(row: row), values.columns)
    }
    return result
  }

  /// The sum with a gradient of all rows.
  func added(to dense: Tensor) throws(CheckpointError) -> Tensor {
    let result = try context.tensor(count, values.columns, "gradient")
    let add = unsafe context.kernels.table.pointee.add
    unsafe fill(result) { row, numbers in
      unsafe add(dense.pointer(row: row), numbers, result.pointer(row: row), values.columns)
    }
    extendLifetime(dense)
    return result
  }

  /// Calls a closure for each row of a result, with its numbers here, zeros or not.
  private func fill(
    _ result: Tensor, _ body: (_ row: Int, _ numbers: UnsafePointer<Float>) -> Void
  ) {
    let zeros = [Float](repeating: 0, count: values.columns)
    unsafe zeros.withUnsafeBufferPointer { zeros in
      guard let zeros = zeros.baseAddress else { return }
      // Only read, and by nobody after the call.
      nonisolated(unsafe) let nothing = unsafe zeros
      context.forEachRows(count, columns: values.columns) { range in
        var next = rows.firstPlace(notBelow: range.lowerBound)
        for row in range {
          guard next < rows.count, rows[next] == row else {
            unsafe body(row, nothing)
            continue
          }
          unsafe body(row, values.pointer(row: next))
          next += 1
        }
      }
    }
    extendLifetime(values)
  }

  /// The sum with another one of the same table.
  func added(to other: RowGradient) throws(CheckpointError) -> RowGradient {
    let both = Array(Set(rows).union(other.rows)).sorted()
    let result = try context.tensor(both.count, values.columns, "gradient")
    let add = unsafe context.kernels.table.pointee.add
    for (place, row) in both.enumerated() {
      let to = unsafe result.pointer(row: place)
      switch (other.place(of: row), self.place(of: row)) {
      case (let first?, let second?):
        unsafe add(
          other.values.pointer(row: first), values.pointer(row: second), to, values.columns)
      case (let first?, nil):
        unsafe weighbridge_copy(other.values.pointer(row: first), to, values.columns)
      case (nil, let second?):
        unsafe weighbridge_copy(values.pointer(row: second), to, values.columns)
      case (nil, nil): break
      }
    }
    extendLifetime((values, other.values))
    return RowGradient(rows: both, values: result, count: count, context: context)
  }

  /// Where the numbers of a row are; nil if they are zeros.
  func place(of row: Int) -> Int? {
    let place = rows.firstPlace(notBelow: row)
    return place < rows.count && rows[place] == row ? place : nil
  }
}

extension [Int] {
  /// The place of the first of rising numbers that is not below one.
  fileprivate func firstPlace(notBelow number: Int) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// What walks have brought a parameter.
enum GradientContents: Sendable {
  case dense(Tensor)
  case rows(RowGradient)

  /// Its numbers: of all rows, or of some.
  var numbers: Tensor {
    switch self {
    case .dense(let tensor): tensor
    case .rows(let rows): rows.values
    }
  }

  /// The rows that it has numbers of; nil if it has all.
  var rows: [Int]? { if case .rows(let gradient) = self { gradient.rows } else { nil } }

  func adding(
    _ term: GradientContents, in context: ExecutionContext
  ) throws(CheckpointError) -> GradientContents {
    switch (self, term) {
    case (.dense(let sum), .dense(let term)): .dense(try add(sum, term, in: context))
    case (.dense(let sum), .rows(let term)): .dense(try term.added(to: sum))
    case (.rows(let sum), .dense(let term)): .dense(try sum.added(to: term))
    case (.rows(let sum), .rows(let term)): .rows(try term.added(to: sum))
    }
  }
}

/// A derivative that knows which rows of its parameters get a gradient at all.
protocol RowDerivative: Derivative {
  /// The gradient of the input at a place that is a parameter, from that of the result; nil if it needs none.
  func rows(
    of place: Int, _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> RowGradient?
}
