package import CheckpointBytes
package import Checkpoints
internal import Synchronization
internal import TensorValues
package import WeightGraph

/// What the values of a weight are like: their extremes, their mean and spread, how many are no numbers, how they are
/// distributed, and which stand out.
package struct WeightStatistics: Sendable {
  /// The number of bins of a histogram.
  package static let binCount = 32
  /// A value stands out if it is further from the mean than so many standard deviations.
  package static let outlierDistance = 6.0
  /// How many values that stand out are named.
  package static let namedOutliers = 5

  /// The finite values: their number, and how many of them are zero.
  package private(set) var finiteCount = 0
  package private(set) var zeroCount = 0
  package private(set) var nanCount = 0
  package private(set) var infinityCount = 0
  /// The extremes of the finite values; 0 if there are none.
  package private(set) var minimum = 0.0
  package private(set) var maximum = 0.0
  /// How many finite values are in each of ``binCount`` parts of equal width between the extremes.
  package private(set) var histogram = [Int](repeating: 0, count: binCount)
  /// How many values stand out.
  package private(set) var outlierCount = 0
  /// Those that are furthest from the mean, with the row-major index of their element.
  package private(set) var outliers: [(index: Int, value: Double)] = []

  /// Sums of what is left of the values without the first of them, which keeps digits where all are large and alike; in units of
  /// what keeps their squares within doubles.
  private var shift = 0.0
  private var unit = 1.0
  private var sum = 0.0
  private var squares = 0.0

  init() {}

  /// The mean of the finite values.
  package var mean: Double {
    // Halves: the distance of two doubles may be no double.
    finiteCount > 0 ? (shift / 2 + sum / Double(finiteCount) * unit) * 2 : 0
  }

  /// The standard deviation of the finite values, of all of them and not of a sample.
  package var standardDeviation: Double {
    guard finiteCount > 0 else { return 0 }
    let mean = sum / Double(finiteCount)
    return max(0, squares / Double(finiteCount) - mean * mean).squareRoot() * unit * 2
  }

  /// True if the squares of the values are beyond what doubles hold, so that they have to be added again, in larger or smaller units.
  var needsUnit: Bool { maximum > minimum && !squares.isNormal }

  /// Begins the sums again, in units of half the distance between the extremes.
  mutating func takeUnit() {
    unit = max(maximum / 2 - minimum / 2, .leastNonzeroMagnitude)
    (sum, squares) = (0, 0)
  }

  /// Adds values that were measured before to the sums.
  mutating func addAgain(_ values: [Double]) {
    for value in values where value.isFinite { add(value) }
  }

  private mutating func add(_ value: Double) {
    let rest = (value / 2 - shift / 2) / unit
    sum += rest
    squares += rest * rest
  }

  /// True if a value is no number or infinite.
  package var hasNonFinite: Bool { nanCount + infinityCount > 0 }

  /// Adds values to the sums.
  mutating func measure(_ values: [Double]) {
    for value in values {
      guard value.isFinite else {
        if value.isNaN { nanCount += 1 } else { infinityCount += 1 }
        continue
      }
      if finiteCount == 0 {
        shift = value
        minimum = value
        maximum = value
      }
      finiteCount += 1
      if value == 0 { zeroCount += 1 }
      if value < minimum { minimum = value }
      if value > maximum { maximum = value }
      add(value)
    }
  }

  /// Adds values that were measured before to the histogram, and remembers those that stand out.
  ///
  /// - Parameters:
  ///   - values: The values.
  ///   - start: The place of the first of them among all.
  ///   - parts: How many are of one element.
  mutating func distribute(_ values: [Double], at start: Int, parts: Int) {
    // Halves: the distance of two doubles may be no double.
    let width = maximum / 2 - minimum / 2
    let scale = Double(Self.binCount) / width
    let (mean, limit) = (mean, standardDeviation * Self.outlierDistance)
    for (place, value) in values.enumerated() where value.isFinite {
      let distance = value / 2 - minimum / 2
      // Of the least numbers the scale is none.
      let part = scale.isFinite ? distance * scale : distance / width * Double(Self.binCount)
      let bin = width > 0 ? Int(part) : Self.binCount / 2
      histogram[min(max(bin, 0), Self.binCount - 1)] += 1
      if (value / 2 - mean / 2).magnitude * 2 > limit, limit > 0 {
        note(value, at: (start + place) / parts, mean)
      }
    }
  }

  private mutating func note(_ value: Double, at index: Int, _ mean: Double) {
    outlierCount += 1
    let place = outliers.firstIndex {
      ($0.value - mean).magnitude < (value - mean).magnitude
    }
    guard place != nil || outliers.count < Self.namedOutliers else { return }
    outliers.insert((index, value), at: place ?? outliers.count)
    if outliers.count > Self.namedOutliers { outliers.removeLast() }
  }
}

extension WeightStatistics {
  /// The statistics of weights, in the order given. Each is read twice or three times, in pieces. Complex numbers count as two.
  ///
  /// - Throws: what reading throws, with the tensor's name.
  package static func of(
    _ weights: [(name: ExactName, weight: Weight)], progress: ProgressHandler? = nil
  ) throws(CheckpointError) -> [WeightStatistics] {
    let meter = ProgressMeter(
      .reading, total: weights.reduce(0) { $0 + 2 * $1.weight.byteCount }, progress)
    let results = Mutex([WeightStatistics](repeating: WeightStatistics(), count: weights.count))
    try WorkQueue.forEach(weights.count) { (index, buffers) throws(CheckpointError) in
      let (name, weight) = weights[index]
      var statistics = WeightStatistics()
      do throws(CheckpointError) {
        try weight.forEachBlock(buffers, meter) { values, _ in statistics.measure(values) }
        if statistics.needsUnit {
          statistics.takeUnit()
          try weight.forEachBlock(buffers, nil) { values, _ in statistics.addAgain(values) }
        }
        try weight.forEachBlock(buffers, meter) { values, start in
          statistics.distribute(values, at: start, parts: weight.dtype.partCount)
        }
      } catch {
        throw error.about(name)
      }
      let found = statistics
      results.withLock { $0[index] = found }
    }
    return results.withLock { $0 }
  }
}

extension Weight {
  /// The values as doubles in blocks that stay in the processor's cache, each with the index of its first value.
  fileprivate func forEachBlock(
    _ buffers: WeightBuffers, _ meter: ProgressMeter?, _ body: ([Double], Int) -> Void
  ) throws(CheckpointError) {
    var values: [Double] = []
    var start = 0
    for piece in Piece.cut([self]) {
      for chunk in chunks(of: piece) {
        // Types whose elements share bytes end on one after 24 elements.
        let size = (dtype.byteWidth ?? 3) * 4096
        try unsafe buffers.read(self, chunk) { bytes in
          for block in stride(from: 0, to: bytes.count, by: size) {
            let part = unsafe UnsafeRawBufferPointer(
              rebasing: bytes[block..<min(block + size, bytes.count)])
            unsafe dtype.doubles(part, into: &values)
            body(values, start)
            start += values.count
          }
        }
        meter?.add(chunk.count)
      }
    }
  }
}
