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
  /// What the differences do to the order of the scores in each row; nil for what is no row of scores.
  public let ranking: RankingChange?

  /// Compares two tensors.
  ///
  /// - Parameters:
  ///   - name: The name; rows of scores (`logits`, `…_logits`) are ranked.
  ///   - found: The computed values in row-major order, as many as `foundShape` has elements.
  ///   - expected: The recorded values in row-major order, as many as `shape` has elements.
  ///   - recordedType: The type they were recorded in, for units in the last place.
  ///   - padding: Which positions are padding, if that is known.
  ///   - positions: What is compared.
  public init(
    name: ExactName, found: [Float], foundShape: Shape, expected: [Double], shape: Shape,
    recordedType: DType = .f32, tolerance: Tolerance, padding: PaddingMask? = nil,
    positions: ComparedPositions = .all
  ) {
    self.name = name
    self.shape = shape
    self.foundShape = foundShape
    guard shape == foundShape, found.count == shape.elementCount,
      expected.count == shape.elementCount
    else {
      values = nil
      comparedCount = 0
      isOnlyAtPadding = false
      ranking = nil
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
    comparedCount = runs.reduce(0) { $0 + $1.count }
    isOnlyAtPadding =
      values.beyondTolerance > 0 && positions == .all
      && attended.map { difference($0).beyondTolerance == 0 } ?? false
    ranking = RankingChange(
      name: name, shape: shape, found: found, expected: expected, runs: runs)
  }

  /// True if values lie beyond the tolerance, or the extents differ.
  public var isDifferent: Bool { values.map { $0.beyondTolerance > 0 } ?? true }

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

extension Shape {
  /// The index for each dimension of an element, by its row-major index.
  func place(of index: Int) -> [Int] {
    var rest = index
    var place: [Int] = []
    for extent in dimensions.reversed() {
      place.append(extent == 0 ? 0 : rest % extent)
      rest /= max(extent, 1)
    }
    return place.reversed()
  }
}
