public import CheckpointBytes
public import Checkpoints
internal import OrderedCollections
internal import Synchronization
public import TensorValues
public import WeightGraph

extension CheckpointDifference {
  /// Compares two graphs by name, worst first. Reads all data, in bounded memory.
  ///
  /// - Parameters:
  ///   - first: The one.
  ///   - second: The other.
  ///   - tolerance: How near values are equal, of whatever types; 0 for the same values, nil for the same bytes.
  ///   - progress: Is told how far it is.
  public init(
    _ first: WeightGraph, _ second: WeightGraph, tolerance: Tolerance? = nil,
    progress: ProgressHandler? = nil
  ) throws(CheckpointError) {
    self.tolerance = tolerance
    notCompared = Self.notCompared(first, second, ofStructure: false)
    missing = first.weights.keys.filter { second.weights[$0] == nil }
    extra = second.weights.keys.filter { first.weights[$0] == nil }
    let common = first.weights.keys.filter { second.weights[$0] != nil }
    let meter = ProgressMeter(
      .reading, total: common.reduce(0) { $0 + (first.weights[$1]?.byteCount ?? 0) }, progress)
    let found = Mutex<[Int: Entry]>([:])
    // The largest first, so that no thread is left alone with one at the end.
    let sizes = common.map { first.weights[$0]?.byteCount ?? 0 }
    let order = common.indices.sorted { sizes[$0] > sizes[$1] }
    try WorkQueue.forEach(common.count) { (position, buffers) throws(CheckpointError) in
      let index = order[position]
      let name = common[index]
      guard let left = first.weights[name], let right = second.weights[name] else { return }
      let comparison = WeightComparison(left, right, tolerance: tolerance ?? Tolerance())
      do throws(CheckpointError) {
        let (isIdentical, values) = try comparison.run(meter, buffers)
        let entry = Entry(name: name, left, right, isIdentical: isIdentical, values: values)
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

  /// Most weights are the same, byte for byte, and then nothing else has to be known: what the bytes mean is looked at
  /// only where they differ.
  func run(
    _ meter: ProgressMeter, _ buffers: WeightBuffers
  ) throws(CheckpointError) -> (isIdentical: Bool, values: ValueDifference?) {
    guard left.shape == right.shape else { return (false, nil) }
    var compared = 0
    if left.hasType(of: right) {
      compared = try left.commonByteCount(with: right, buffers, advanced: meter.add)
      if compared == left.byteCount { return (true, nil) }
    }
    guard left.dtype.category == right.dtype.category else { return (false, nil) }
    return (false, try values(meter, buffers, compared: compared))
  }

  /// - Parameter compared: The bytes that the meter has counted.
  private func values(
    _ meter: ProgressMeter, _ buffers: WeightBuffers, compared: Int
  ) throws(CheckpointError) -> ValueDifference {
    var difference = ValueDifference(left.dtype, right.dtype, tolerance: tolerance)
    var before: [Double] = []
    var after: [Double] = []
    // Elements per piece such that neither side's piece is too large; whole bytes on both sides for packed types.
    let bits = max(left.dtype.bitWidth, right.dtype.bitWidth)
    let elements = Piece.size * 8 / bits / 24 * 24
    var start = 0
    while start < left.shape.elementCount {
      let count = min(elements, left.shape.elementCount - start)
      let range = left.bytes(from: start, count: count)
      try unsafe buffers.read(left, range, right, right.bytes(from: start, count: count)) { a, b in
        for block in stride(from: 0, to: count, by: Self.blockSize) {
          let size = min(Self.blockSize, count - block)
          unsafe left.dtype.doubles(
            UnsafeRawBufferPointer(rebasing: a[left.bytes(from: block, count: size)]),
            into: &before)
          unsafe right.dtype.doubles(
            UnsafeRawBufferPointer(rebasing: b[right.bytes(from: block, count: size)]),
            into: &after)
          var distances: [Double]?
          if isWide {
            let integers = (
              unsafe Self.integers(
                left.dtype,
                UnsafeRawBufferPointer(rebasing: a[left.bytes(from: block, count: size)]),
                before),
              unsafe Self.integers(
                right.dtype,
                UnsafeRawBufferPointer(rebasing: b[right.bytes(from: block, count: size)]),
                after)
            )
            distances = zip(integers.0, integers.1).map { Double(($0 - $1).magnitude) }
          }
          difference.add(before, after, distances: distances, at: start + block)
        }
      }
      meter.add(range.upperBound - min(range.upperBound, max(range.lowerBound, compared)))
      start += count
    }
    return difference
  }

  /// True for integers of which doubles do not have every bit.
  private var isWide: Bool {
    [left.dtype, right.dtype].contains { $0 == .i64 || $0 == .u64 }
  }

  /// Integers of a type; of narrower ones their values as doubles are exact.
  private static func integers(
    _ dtype: DType, _ bytes: UnsafeRawBufferPointer, _ values: [Double]
  ) -> [Int128] {
    var integers: [Int128] = []
    integers.reserveCapacity(values.count)
    for (place, value) in values.enumerated() {
      switch dtype {
      case .i64:
        let bits = unsafe bytes.loadUnaligned(fromByteOffset: 8 * place, as: Int64.self)
        integers.append(Int128(Int64(littleEndian: bits)))
      case .u64:
        let bits = unsafe bytes.loadUnaligned(fromByteOffset: 8 * place, as: UInt64.self)
        integers.append(Int128(UInt64(littleEndian: bits)))
      default: integers.append(Int128(value))
      }
    }
    return integers
  }

  /// Elements that are looked at together: as doubles they stay in the processor's cache. Of types whose elements share bytes
  /// 24 end on a byte.
  private static let blockSize = 24 << 9
}

extension Weight {
  /// The packed bytes of a row of elements.
  fileprivate func bytes(from start: Int, count: Int) -> Range<Int> {
    (start * dtype.bitWidth / 8)..<((start + count) * dtype.bitWidth / 8)
  }
}
