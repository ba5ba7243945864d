public import CheckpointBytes

/// A number of a row and its column.
public struct RankedValue: Sendable, Hashable {
  /// The column.
  public let index: Int
  /// The number.
  public let value: Float
}

/// The column of the largest number of each row, the first of equal ones; a NaN is larger than any number, as in PyTorch.
///
/// Throws `inconsistent` if the rows are empty.
public func argmax(_ input: Tensor) throws(CheckpointError) -> [Int] {
  guard input.columns > 0 || input.rows == 0 else {
    throw CheckpointError(.inconsistent, "argmax", "input", "expected at least 1 column, found 0")
  }
  return (0..<input.rows).map { row in
    unsafe input.withRow(row) { values in
      var best = 0
      for index in 1..<max(1, values.count)
      where unsafe comesBefore(values[index], values[best]) {
        best = index
      }
      return best
    } ?? 0
  }
}

/// The `count` largest numbers of a row, largest first, of equal ones the first column first.
///
/// Throws `inconsistent` if there is no such row, or if it has fewer numbers.
public func topK(_ input: Tensor, row: Int, _ count: Int) throws(CheckpointError) -> [RankedValue] {
  guard row >= 0, row < input.rows else {
    throw CheckpointError(
      .inconsistent, "topK", "row", "expected below \(input.rows), found \(row)")
  }
  guard count >= 0, count <= input.columns else {
    throw CheckpointError(
      .inconsistent, "topK", "count", "expected at most \(input.columns), found \(count)")
  }
  guard count > 0 else { return [] }
  return unsafe input.withRow(row) { values in unsafe largest(count, of: values) } ?? []
}

/// A heap of the best so far with the worst of them on top: one comparison for most of a long row.
private func largest(_ count: Int, of values: UnsafeBufferPointer<Float>) -> [RankedValue] {
  var heap = (0..<count).map { unsafe RankedValue(index: $0, value: values[$0]) }
  heap.sort { precedes($1, $0) }
  for index in count..<values.count {
    let candidate = unsafe RankedValue(index: index, value: values[index])
    guard precedes(candidate, heap[0]) else { continue }
    heap[0] = candidate
    var position = 0
    while true {
      let left = 2 * position + 1
      guard left < count else { break }
      let right = left + 1
      let worse = right < count && precedes(heap[left], heap[right]) ? right : left
      guard precedes(heap[position], heap[worse]) else { break }
      heap.swapAt(position, worse)
      position = worse
    }
  }
  return heap.sorted(by: precedes)
}

private func precedes(_ left: RankedValue, _ right: RankedValue) -> Bool {
  if comesBefore(left.value, right.value) { return true }
  if comesBefore(right.value, left.value) { return false }
  return left.index < right.index
}

private func comesBefore(_ left: Float, _ right: Float) -> Bool {
  left > right || (left.isNaN && !right.isNaN)
}
