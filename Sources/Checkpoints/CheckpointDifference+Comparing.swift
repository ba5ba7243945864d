public import CheckpointBytes
internal import OrderedCollections
internal import Synchronization
public import TensorValues
public import WeightGraph

extension CheckpointDifference {
  /// Compares two graphs by name, worst first. Reads all data, in bounded memory.
  public init(
    _ first: WeightGraph, _ second: WeightGraph, tolerance: Tolerance = Tolerance(),
    progress: ProgressHandler? = nil
  ) throws(CheckpointError) {
    self.tolerance = tolerance
    missing = first.weights.keys.filter { second.weights[$0] == nil }
    extra = second.weights.keys.filter { first.weights[$0] == nil }
    let common = first.weights.keys.filter { second.weights[$0] != nil }
    let meter = ProgressMeter(
      .reading, total: common.reduce(0) { $0 + (first.weights[$1]?.byteCount ?? 0) }, progress)
    let found = Mutex<[Int: Entry]>([:])
    try WorkQueue.forEach(common.count) { (index, _) throws(CheckpointError) in
      let name = common[index]
      guard let left = first.weights[name], let right = second.weights[name] else { return }
      let comparison = WeightComparison(left, right, tolerance: tolerance)
      do throws(CheckpointError) {
        let (isIdentical, values) = try comparison.run(meter)
        let entry = Entry(
          name: name, first: (left.dtype, left.shape), second: (right.dtype, right.shape),
          isIdentical: isIdentical, values: values)
        found.withLock { $0[index] = entry }
      } catch {
        throw error.about(name)
      }
    }
    let results = found.withLock { $0 }
    let unordered = common.indices.compactMap { results[$0] }
    entries = unordered.enumerated().sorted { a, b in
      (CheckpointDifference.severity(a.element), -a.offset)
        > (CheckpointDifference.severity(b.element), -b.offset)
    }.map(\.element)
  }

  /// Orders entries: other shapes first, then by absolute difference, then by type.
  private static func severity(_ entry: Entry) -> Double {
    if entry.hasOtherShape { return .infinity }
    if entry.isIdentical { return -1 }
    return entry.values?.maximumAbsolute ?? 0
  }
}

/// Compares two weights of one name piece by piece.
private struct WeightComparison {
  private let left: Weight
  private let right: Weight
  private let tolerance: Tolerance

  init(_ left: Weight, _ right: Weight, tolerance: Tolerance) {
    self.left = left
    self.right = right
    self.tolerance = tolerance
  }

  func run(
    _ meter: ProgressMeter
  ) throws(CheckpointError) -> (isIdentical: Bool, values: ValueDifference?) {
    guard left.shape == right.shape else { return (false, nil) }
    let isComparable = left.dtype.category == right.dtype.category
    var isIdentical = left.dtype == right.dtype
    var difference = ValueDifference(left.dtype, right.dtype, tolerance: tolerance)
    var before: [Double] = []
    var after: [Double] = []
    // Elements per piece such that neither side's piece is too large; whole bytes on both sides for packed types.
    let bits = max(left.dtype.bitWidth, right.dtype.bitWidth)
    let elements = Piece.size * 8 / bits / 24 * 24
    var start = 0
    while start < left.shape.elementCount {
      let count = min(elements, left.shape.elementCount - start)
      let a = try left.bytes(of: left.piece(from: start, count: count))
      let b = try right.bytes(of: right.piece(from: start, count: count))
      isIdentical = isIdentical && a == b
      if isComparable {
        unsafe a.withUnsafeBytes { unsafe left.dtype.doubles($0, into: &before) }
        if isIdentical {
          difference.add(identical: before)
        } else {
          unsafe b.withUnsafeBytes { unsafe right.dtype.doubles($0, into: &after) }
          difference.add(before, after, at: start)
        }
      }
      meter.add(a.count)
      start += count
    }
    if isIdentical { return (true, nil) }
    return (false, isComparable ? difference : nil)
  }
}

extension Weight {
  fileprivate func piece(from start: Int, count: Int) -> Piece {
    Piece(
      weight: 0,
      range: (start * dtype.bitWidth / 8)..<((start + count) * dtype.bitWidth / 8))
  }
}
