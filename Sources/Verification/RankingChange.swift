internal import CheckpointBytes
internal import TensorValues

/// What differences do to the order of scores: in each row of logits the largest, and the few largest in their order.
///
/// A row is the last dimension: a vocabulary, labels, choices, or for `start_logits` and `end_logits` the positions. Of equal
/// scores the first counts as the larger; NaN counts as none.
///
/// A changed order is no difference by itself: where the recorded scores lie closer together than the tolerance, either order
/// is right.
public struct RankingChange: Sendable {
  /// A row whose largest score stands elsewhere.
  public struct Row: Sendable, Hashable {
    /// The index for each dimension but the last.
    public let place: [Int]
    /// Where the largest recorded score stands.
    public let expected: Int
    /// Where the largest computed score stands.
    public let found: Int
    /// By how much the recorded scores of both places differ.
    public let margin: Double
  }

  /// How many of the largest scores were put in order.
  public let depth: Int
  /// The number of rows.
  public let rowCount: Int
  /// The number of rows whose largest score stands elsewhere.
  public private(set) var changedFirst = 0
  /// The number of rows whose `depth` largest scores stand elsewhere or in another order.
  public private(set) var changedOrder = 0
  /// The first row whose largest score stands elsewhere.
  public private(set) var firstRow: Row?

  /// How many of the largest scores are compared where a row has more.
  static let maximumDepth = 5

  /// Ranks the rows of an output within ranges of its values; nil for an output that is no row of at least two scores.
  init?(
    name: ExactName, shape: Shape, found: [Float], expected: [Double], runs: [Range<Int>]
  ) {
    guard name == "logits" || name.string.hasSuffix("_logits"),
      let width = shape.dimensions.last, width > 1
    else { return nil }
    depth = min(width, RankingChange.maximumDepth)
    let rows = Shape(shape.dimensions.dropLast())
    var ranked = 0
    var next = 0
    for start in stride(from: 0, to: expected.count, by: width) {
      let row = start..<(start + width)
      // A row may hold several ranges (positions with holes), and a range several rows.
      while next < runs.count, runs[next].upperBound <= row.lowerBound { next += 1 }
      let parts = runs[next...].prefix { $0.lowerBound < row.upperBound }
        .map { $0.clamped(to: row) }
      let right = RankingChange.largest(depth, parts) { expected[$0] }
      guard !right.isEmpty else { continue }
      let left = RankingChange.largest(depth, parts) { Double(found[$0]) }
      ranked += 1
      if left != right { changedOrder += 1 }
      guard left.first != right.first else { continue }
      changedFirst += 1
      if firstRow == nil, let found = left.first, let wanted = right.first {
        firstRow = Row(
          place: rows?.place(of: start / width) ?? [], expected: wanted - start,
          found: found - start, margin: expected[wanted] - expected[found])
      }
    }
    guard ranked > 0 else { return nil }
    rowCount = ranked
  }

  /// The indices of the largest values, largest first.
  private static func largest(
    _ count: Int, _ ranges: [Range<Int>], _ value: (Int) -> Double
  ) -> [Int] {
    var best: [(index: Int, value: Double)] = []
    for range in ranges {
      for index in range {
        let candidate = value(index)
        if candidate.isNaN { continue }
        if best.count == count, let last = best.last, candidate <= last.value { continue }
        let place = best.firstIndex { $0.value < candidate } ?? best.count
        best.insert((index, candidate), at: place)
        if best.count > count { best.removeLast() }
      }
    }
    return best.map(\.index)
  }
}
