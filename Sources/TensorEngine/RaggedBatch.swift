public import CheckpointBytes

/// Sequences of different lengths, their tokens one after the other in the rows of one tensor, without padding.
///
/// Only attention looks at where one ends and the next begins.
public struct RaggedBatch: Sendable, Hashable {
  /// The number of tokens of each sequence.
  public let lengths: [Int]
  /// The row of each sequence's first token, and at the end the number of all tokens.
  public let starts: [Int]

  /// A batch of sequences of some lengths. Throws `inconsistent` for a negative length or too many tokens.
  public init(lengths: [Int]) throws(CheckpointError) {
    var starts = [0]
    var total = 0
    for length in lengths {
      let (sum, overflow) = total.addingReportingOverflow(length)
      guard length >= 0, !overflow, sum <= TensorStorage.largestExtent else {
        throw CheckpointError(
          .inconsistent, "RaggedBatch", "lengths", "a sequence of \(length) tokens makes no batch")
      }
      total = sum
      starts.append(total)
    }
    self.lengths = lengths
    self.starts = starts
  }

  /// The most sequences that a batch is made of by their number alone: nothing is allocated for more.
  static let mostSequences = 1 << 24

  /// A batch of `count` sequences, all of the same length. Throws `inconsistent` for a number below 0 or above 2²⁴.
  public init(count: Int, length: Int) throws(CheckpointError) {
    guard count >= 0, count <= Self.mostSequences else {
      throw CheckpointError(
        .inconsistent, "RaggedBatch", "count",
        "expected 0 to \(Self.mostSequences) sequences, found \(count)")
    }
    try self.init(lengths: Array(repeating: length, count: count))
  }

  /// What is left of the sequences if there are some rows only, in rising order.
  package func restricted(to rows: [Int]) throws(CheckpointError) -> RaggedBatch {
    var lengths = [Int](repeating: 0, count: count)
    var sequence = 0
    for row in rows {
      while sequence < count, row >= starts[sequence + 1] { sequence += 1 }
      guard sequence < count, row >= starts[sequence] else {
        throw CheckpointError(
          .inconsistent, "RaggedBatch", "rows", "\(row) is none of \(tokenCount) in rising order")
      }
      lengths[sequence] += 1
    }
    return try RaggedBatch(lengths: lengths)
  }

  /// The number of sequences.
  public var count: Int { lengths.count }
  /// The number of tokens of all sequences.
  public var tokenCount: Int { starts[lengths.count] }
}
