package import CheckpointBytes
internal import Synchronization
internal import TensorValues

/// A weight with a low-rank update added, as a storage whose bytes are computed when they are read.
///
/// Rows of the sum are rows of one factor times the whole of the other:
///
///     rows of the weight are outputs   up   [outputs, rank]   ·  down [rank, inputs]
///     rows of the weight are inputs    downᵀ [inputs, rank]   ·  upᵀ  [rank, outputs]
final class MergedBytes: ByteSource {
  let base: Weight
  let update: LowRankUpdate
  /// The factors as they were read last: whoever reads in small pieces does not read them again for each.
  private let kept = Mutex<Factors?>(nil)
  private let lengths = Mutex<[Double]?>(nil)

  init(_ base: Weight, _ update: LowRankUpdate) {
    self.base = base
    self.update = update
  }

  var byteCount: Int { base.byteCount }
  var fileRange: FileRange? { nil }
  var origin: String {
    "\(base.lineage) plus rank \(update.rank) of \(update.up.lineage) times \(update.down.lineage)"
  }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let width = base.pieceAlignment
    guard offset >= 0, destination.count <= byteCount, offset <= byteCount - destination.count,
      offset.isMultiple(of: width), destination.count.isMultiple(of: width)
    else {
      throw CheckpointError(
        .malformed, CheckpointError.Site(offset: offset),
        "\(destination.count) bytes cannot be read from a weight of \(byteCount)")
    }
    let columns = factorColumns
    guard destination.count > 0, columns > 0 else { return }
    let factors = try factors()
    let lengths = try lengths(factors)
    // In steps of some rows, which stay in the cache of a processor.
    let step = max(1, Self.stepCount / columns)
    var position = offset / width
    let end = position + destination.count / width
    while position < end {
      let row = position / columns
      let last = min(end, (row + step) * columns)
      let output = unsafe UnsafeMutableRawBufferPointer(
        rebasing: destination[(position * width - offset)..<(last * width - offset)])
      try unsafe sum(position..<last, factors, lengths, into: output)
      position = last
    }
    // Whoever reads forward is through: the factors of a whole adapter would be as much memory as its file and more.
    if end == base.shape.elementCount { kept.withLock { $0 = nil } }
  }

  /// Numbers that are computed at once.
  private static let stepCount = 16 << 10

  private var factorColumns: Int {
    update.isTransposed
      ? update.up.shape.dimensions[0] : update.down.shape.dimensions[1...].reduce(1, *)
  }

  /// Both factors in memory: `left` `[rows, rank]` and `right` `[rank, columns]`.
  private struct Factors: Sendable {
    let rank: Int
    let columns: Int
    let left: [Double]
    let right: [Double]
  }

  private func factors() throws(CheckpointError) -> Factors {
    if let known = kept.withLock({ $0 }) { return known }
    let (rank, columns) = (update.rank, factorColumns)
    let up = try update.up.float64Values()
    let down = try update.down.float64Values()
    let factors =
      update.isTransposed
      ? Factors(
        rank: rank, columns: columns,
        left: down.transposed(rows: rank), right: up.transposed(rows: columns))
      : Factors(rank: rank, columns: columns, left: up, right: down)
    kept.withLock { $0 = factors }
    return factors
  }

  /// What each output's row is multiplied by; nil where it keeps its length.
  private func lengths(_ factors: Factors) throws(CheckpointError) -> [Double]? {
    guard let magnitude = update.magnitude else { return nil }
    if let known = lengths.withLock({ $0 }) { return known }
    let magnitudes = try magnitude.float64Values()
    var squares = [Double](repeating: 0, count: magnitudes.count)
    let columns = factors.columns
    let step = max(1, Self.stepCount / columns) * columns
    for first in stride(from: 0, to: base.shape.elementCount, by: step) {
      let range = first..<min(first + step, base.shape.elementCount)
      let values = try sums(range, factors)
      for (place, value) in zip(range, values) {
        squares[update.isTransposed ? place % columns : place / columns] += value * value
      }
    }
    let factors = zip(magnitudes, squares).map { $0 / $1.squareRoot() }
    lengths.withLock { $0 = factors }
    return factors
  }

  /// Numbers of the sum, before they get another length and are rounded.
  private func sums(
    _ range: Range<Int>, _ factors: Factors
  ) throws(CheckpointError) -> [Double] {
    let products = products(range, factors)
    var values = try base.float64Values(range)
    for index in values.indices { values[index] += products[index] }
    return values
  }

  /// Numbers of the update, rounded to the type of its factors where that has 16 bits.
  private func products(_ range: Range<Int>, _ factors: Factors) -> [Double] {
    let columns = factors.columns
    var products = [Double](repeating: 0, count: range.count)
    unsafe products.withUnsafeMutableBufferPointer { products in
      unsafe factors.right.withUnsafeBufferPointer { right in
        var position = range.lowerBound
        while position < range.upperBound {
          let (row, first) = position.quotientAndRemainder(dividingBy: columns)
          let count = min(columns - first, range.upperBound - position)
          let part = unsafe UnsafeMutableBufferPointer(
            rebasing: products[(position - range.lowerBound)...].prefix(count))
          for place in 0..<factors.rank {
            let factor = factors.left[row * factors.rank + place] * update.scale
            let start = place * columns + first
            unsafe part.add(
              factor, times: UnsafeBufferPointer(rebasing: right[start..<start + count]))
          }
          position += count
        }
      }
    }
    let (down, up) = (update.down.dtype, update.up.dtype)
    return down == up && down.bitWidth == 16 ? products.rounded(to: down) : products
  }

  private func sum(
    _ range: Range<Int>, _ factors: Factors, _ lengths: [Double]?,
    into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    var values = try sums(range, factors)
    if let lengths {
      for (index, place) in range.enumerated() {
        values[index] *=
          lengths[update.isTransposed ? place % factors.columns : place / factors.columns]
      }
    }
    // Between real types nothing is out of range.
    try? unsafe values.withUnsafeBytes { bytes in
      try unsafe ElementConversion(from: .f64, to: base.dtype)?.convert(bytes, into: destination)
    }
  }
}

extension Weight {
  /// All numbers, or some, as float64. The weight is of real numbers.
  package func float64Values(_ range: Range<Int>? = nil) throws(CheckpointError) -> [Double] {
    let range = range ?? 0..<shape.elementCount
    let cast = try cast(to: .f64)
    let bytes = try unsafe withNewBytes(count: range.count * 8) {
      (buffer) throws(CheckpointError) in
      try unsafe cast.read(at: range.lowerBound * 8, into: buffer)
    }
    return unsafe bytes.withUnsafeBytes { bytes in
      range.indices.map { index in
        unsafe bytes.loadUnaligned(
          fromByteOffset: (index - range.lowerBound) * 8, as: Double.self)
      }
    }
  }
}

extension [Double] {
  /// The numbers as another type has them.
  fileprivate func rounded(to dtype: DType) -> [Double] {
    guard let there = ElementConversion(from: .f64, to: dtype),
      let back = ElementConversion(from: dtype, to: .f64)
    else { return self }
    var values = self
    var bytes = [UInt8](repeating: 0, count: dtype.byteCount(elementCount: count) ?? 0)
    // Between real types nothing is out of range.
    unsafe values.withUnsafeMutableBytes { numbers in
      unsafe bytes.withUnsafeMutableBytes { bytes in
        try? unsafe there.convert(UnsafeRawBufferPointer(numbers), into: bytes)
        try? unsafe back.convert(UnsafeRawBufferPointer(bytes), into: numbers)
      }
    }
    return values
  }

  /// The transpose of a matrix of so many rows.
  fileprivate func transposed(rows: Int) -> [Double] {
    let columns = rows == 0 ? 0 : count / rows
    return (0..<count).map { self[$0 % rows * columns + $0 / rows] }
  }
}

extension UnsafeMutableBufferPointer<Double> {
  /// Adds a factor times as many other numbers. Without bounds checks the compiler makes vectors of it.
  fileprivate func add(_ factor: Double, times others: UnsafeBufferPointer<Double>) {
    guard let own = baseAddress, let others = others.baseAddress else { return }
    for index in 0..<count { unsafe own[index] += factor * others[index] }
  }
}
