public import CheckpointBytes
public import TensorValues

/// How one tensor that was computed differs from the one that was recorded.
///
/// The tolerance's scale is the root mean square of the recorded values that are compared: an element is judged by its own
/// magnitude or by the tensor's usual one, whichever is larger. `docs/verification.md` says why.
public struct TensorDifference: Sendable {
  /// The name.
  public let name: ExactName
  /// The recorded extents.
  public let shape: Shape
  /// The computed extents.
  public let foundShape: Shape
  /// How the values differ, the computed ones first; nil if the extents differ, so that there is nothing to compare.
  public let values: ValueDifference?
  /// How many values were compared: all, unless padding was left out.
  public let comparedCount: Int
  /// True if there are differences beyond the tolerance, and all of them stand at positions that the attention mask hides.
  public let isOnlyAtPadding: Bool
  /// How many values may lie beyond the tolerance.
  public let allowedMismatches: Int
  /// What the differences do to the order of the scores in each row; nil for what is no row of scores.
  public let ranking: RankingChange?
  /// Of the finite values that were compared, the computed ones; nil if nothing was.
  public let foundMoments: Moments?
  /// Of the finite values that were compared, the recorded ones; nil if nothing was.
  public let recordedMoments: Moments?

  /// The mean of values, and the root of their mean square distance from it.
  public struct Moments: Sendable, Hashable {
    /// The mean.
    public let mean: Double
    /// The standard deviation, of all values and not of a sample.
    public let deviation: Double

    /// Of the finite values at some places; nil if there is none. Two passes, so that a large mean costs no digits.
    init?(_ runs: [Range<Int>], _ value: (Int) -> Double) {
      func sum(_ term: (Double) -> Double) -> (sum: Double, count: Double) {
        var (sum, count) = (0.0, 0.0)
        for run in runs {
          for index in run {
            let number = value(index)
            guard number.isFinite else { continue }
            sum += term(number)
            count += 1
          }
        }
        return (sum, count)
      }
      let (total, count) = sum { $0 }
      guard count > 0 else { return nil }
      let mean = total / count
      self.mean = mean
      deviation = (sum { ($0 - mean) * ($0 - mean) }.sum / count).squareRoot()
    }
  }

  /// Compares two tensors.
  ///
  /// - Parameters:
  ///   - name: The name; rows of scores (`logits`, `…_logits`) are ranked.
  ///   - found: The computed values in row-major order, as many as `foundShape` has elements.
  ///   - foundShape: The computed extents.
  ///   - expected: The recorded values in row-major order, as many as `shape` has elements.
  ///   - shape: The recorded extents.
  ///   - recordedType: The type they were recorded in, for units in the last place.
  ///   - tolerance: What counts as equal.
  ///   - mismatchShare: The part of the compared values, 0 to 1, that may lie beyond the tolerance.
  ///   - padding: Which positions are padding, if that is known.
  ///   - positions: What is compared.
  public init(
    name: ExactName, found: [Float], foundShape: Shape, expected: [Double], shape: Shape,
    recordedType: DType = .f32, tolerance: Tolerance, mismatchShare: Double = 0,
    padding: PaddingMask? = nil, positions: ComparedPositions = .all
  ) {
    self.name = name
    self.shape = shape
    self.foundShape = foundShape
    guard shape == foundShape, found.count == shape.elementCount,
      expected.count == shape.elementCount
    else {
      values = nil
      comparedCount = 0
      allowedMismatches = 0
      isOnlyAtPadding = false
      ranking = nil
      (foundMoments, recordedMoments) = (nil, nil)
      return
    }
    let attended = padding?.attendedRuns(of: name, shape)
    let whole = [0..<expected.count]
    let runs = positions == .attended ? attended ?? whole : whole
    func difference(_ runs: [Range<Int>]) -> ValueDifference {
      TensorDifference.difference(found, expected, runs, recordedType, tolerance)
    }
    let values = difference(runs)
    self.values = values
    let count = runs.reduce(0) { $0 + $1.count }
    comparedCount = count
    let share = mismatchShare.isNaN ? 0 : min(max(mismatchShare, 0), 1)
    allowedMismatches = Int((share * Double(count)).rounded(.down))
    isOnlyAtPadding =
      values.beyondTolerance > 0 && positions == .all
      && attended.map { difference($0).beyondTolerance == 0 } ?? false
    foundMoments = Moments(runs) { Double(found[$0]) }
    recordedMoments = Moments(runs) { expected[$0] }
    ranking = RankingChange(
      name: name, shape: shape, found: found, expected: expected, runs: runs)
  }

  /// True if more values than are allowed lie beyond the tolerance, or the extents differ.
  public var isDifferent: Bool {
    values.map { $0.beyondTolerance > allowedMismatches } ?? true
  }

  /// The place of the value that differs most, measured by what is allowed there: an index for each dimension.
  public var worstPlace: [Int] { shape.place(of: values?.worstIndex ?? 0) }

  private static func difference(
    _ found: [Float], _ expected: [Double], _ runs: [Range<Int>], _ type: DType,
    _ tolerance: Tolerance
  ) -> ValueDifference {
    var difference = ValueDifference(
      .f32, type, tolerance: tolerance, scale: rootMeanSquare(expected, runs))
    // In pieces: a second copy of the logits of a large vocabulary is not needed.
    let pieceLength = 1 << 16
    for run in runs {
      for start in stride(from: run.lowerBound, to: run.upperBound, by: pieceLength) {
        let piece = start..<min(start + pieceLength, run.upperBound)
        difference.add(found[piece].map(Double.init), Array(expected[piece]), at: start)
      }
    }
    return difference
  }

  /// Of the finite values, without squares that overflow: an infinite scale would allow anything.
  private static func rootMeanSquare(_ values: [Double], _ runs: [Range<Int>]) -> Double {
    var largest = 0.0
    for run in runs {
      for value in values[run] where value.isFinite { largest = max(largest, value.magnitude) }
    }
    guard largest > 0 else { return 0 }
    var squares = 0.0
    var count = 0
    for run in runs {
      for value in values[run] where value.isFinite {
        squares += (value / largest) * (value / largest)
        count += 1
      }
    }
    return largest * (squares / Double(count)).squareRoot()
  }
}
