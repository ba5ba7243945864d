public import CheckpointBytes
internal import OrderedCollections
internal import Synchronization
internal import TensorValues
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
  private let tolerance: CheckpointDifference.Tolerance

  init(_ left: Weight, _ right: Weight, tolerance: CheckpointDifference.Tolerance) {
    self.left = left
    self.right = right
    self.tolerance = tolerance
  }

  func run(
    _ meter: ProgressMeter
  ) throws(CheckpointError) -> (isIdentical: Bool, values: CheckpointDifference.Values?) {
    guard left.shape == right.shape else { return (false, nil) }
    let isComparable = left.dtype.category == right.dtype.category
    var isIdentical = left.dtype == right.dtype
    var sums = DifferenceSums(left.dtype, right.dtype, tolerance)
    // Elements per piece such that neither side's piece is too large; whole bytes on both sides for packed types.
    let bits = max(left.dtype.bitWidth, right.dtype.bitWidth)
    let elements = Piece.size * 8 / bits / 24 * 24
    var start = 0
    while start < left.shape.elementCount {
      let count = min(elements, left.shape.elementCount - start)
      let a = try left.bytes(of: left.piece(from: start, count: count))
      let b = try right.bytes(of: right.piece(from: start, count: count))
      if isIdentical && a == b {
        sums.addIdentical(a)
      } else {
        isIdentical = false
        if isComparable { sums.add(a, b, at: start) }
      }
      meter.add(a.count)
      start += count
    }
    if isIdentical { return (true, nil) }
    return (false, isComparable ? sums.values : nil)
  }
}

extension Weight {
  fileprivate func piece(from start: Int, count: Int) -> Piece {
    Piece(
      weight: 0,
      range: (start * dtype.bitWidth / 8)..<((start + count) * dtype.bitWidth / 8))
  }
}

/// The running sums of a comparison.
private struct DifferenceSums {
  private let left: DType
  private let right: DType
  private let tolerance: CheckpointDifference.Tolerance
  private let ulps: UnitsInTheLastPlace?
  private(set) var values = CheckpointDifference.Values()
  private var dot = 0.0
  private var leftSquares = 0.0
  private var rightSquares = 0.0
  private var before: [Double] = []
  private var after: [Double] = []

  init(_ left: DType, _ right: DType, _ tolerance: CheckpointDifference.Tolerance) {
    self.left = left
    self.right = right
    self.tolerance = tolerance
    ulps = UnitsInTheLastPlace(left, right)
    if ulps != nil { values.maximumULPs = 0 }
  }

  /// Equal bytes differ in nothing; they count for the cosine.
  mutating func addIdentical(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe left.doubles($0, into: &before) }
    for value in before {
      if value.isNaN {
        values.nanCounts.0 += 1
        values.nanCounts.1 += 1
      } else {
        dot += value * value
      }
    }
    let squares = before.reduce(0) { $1.isNaN ? $0 : $0 + $1 * $1 }
    leftSquares += squares
    rightSquares += squares
    setCosine()
  }

  mutating func add(_ first: [UInt8], _ second: [UInt8], at start: Int) {
    unsafe first.withUnsafeBytes { unsafe left.doubles($0, into: &before) }
    unsafe second.withUnsafeBytes { unsafe right.doubles($0, into: &after) }
    for index in 0..<min(before.count, after.count) {
      let (a, b) = (before[index], after[index])
      if a.isNaN { values.nanCounts.0 += 1 }
      if b.isNaN { values.nanCounts.1 += 1 }
      if a == b || (a.isNaN && b.isNaN) {
        if a.isFinite {
          dot += a * b
          leftSquares += a * a
          rightSquares += b * b
        }
        continue
      }
      let absolute = a.isFinite && b.isFinite ? (a - b).magnitude : .infinity
      if absolute > values.maximumAbsolute {
        values.maximumAbsolute = absolute
        values.worstIndex = start + index
        values.worstValues = (a, b)
      }
      let scale = max(a.magnitude, b.magnitude)
      let relative = absolute.isFinite ? absolute / scale : .infinity
      values.maximumRelative = max(values.maximumRelative, relative)
      if let ulps {
        values.maximumULPs = max(values.maximumULPs ?? 0, ulps.distance(a, b))
      }
      if !(absolute <= tolerance.absolute + tolerance.relative * b.magnitude) {
        values.beyondTolerance += 1
      }
      if a.isFinite && b.isFinite {
        dot += a * b
        leftSquares += a * a
        rightSquares += b * b
      }
    }
    setCosine()
  }

  private mutating func setCosine() {
    let scale = leftSquares.squareRoot() * rightSquares.squareRoot()
    values.cosine = scale > 0 ? min(1, max(-1, dot / scale)) : nil
  }
}

/// Distances between floating-point values, counted in representable values of the narrower of two types.
private struct UnitsInTheLastPlace {
  private let mantissaBits: Int
  private let smallestExponent: Int

  init?(_ left: DType, _ right: DType) {
    guard let a = UnitsInTheLastPlace.format(left), let b = UnitsInTheLastPlace.format(right) else {
      return nil
    }
    (mantissaBits, smallestExponent) = a.mantissaBits <= b.mantissaBits ? a : b
  }

  private static func format(_ dtype: DType) -> (mantissaBits: Int, smallestExponent: Int)? {
    switch dtype {
    case .f64, .c128: (52, -1022)
    case .f32, .c64: (23, -126)
    case .f16, .c32: (10, -14)
    case .bf16: (7, -126)
    case .f8E4M3: (3, -6)
    case .f8E4M3FNUZ: (3, -7)
    case .f8E5M2: (2, -14)
    case .f8E5M2FNUZ: (2, -15)
    default: nil
    }
  }

  /// The number of steps from one value to the other; the largest number if one is not finite.
  func distance(_ a: Double, _ b: Double) -> UInt64 {
    guard a.isFinite, b.isFinite else { return .max }
    if mantissaBits == 52 {
      return UInt64(
        clamping: (UnitsInTheLastPlace.ordinal(a) - UnitsInTheLastPlace.ordinal(b)).magnitude)
    }
    let steps = (position(a) - position(b)).magnitude.rounded()
    return steps >= 0x1p63 ? .max : UInt64(steps)
  }

  /// The place of a float64 among all float64s.
  private static func ordinal(_ value: Double) -> Int128 {
    let magnitude = Int128(value.magnitude.bitPattern)
    return value < 0 ? -magnitude : magnitude
  }

  /// The value's place on a line on which neighbouring representable values are 1 apart.
  private func position(_ value: Double) -> Double {
    if value == 0 { return 0 }
    let exponent = max(Int(value.exponent), smallestExponent)
    let fraction = value.magnitude / Double(sign: .plus, exponent: exponent, significand: 1)
    // Subnormal values have a fraction below 1 at the smallest exponent, which continues the line.
    let steps = Double(sign: .plus, exponent: mantissaBits, significand: 1)
    let place = (Double(exponent - smallestExponent) + fraction) * steps
    return value < 0 ? -place : place
  }
}
