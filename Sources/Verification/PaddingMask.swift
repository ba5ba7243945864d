internal import CheckpointBytes
internal import TensorValues

/// Which positions of a model's outputs are compared.
public enum ComparedPositions: Sendable, Hashable {
  /// All of them. What stands at padding carries no meaning, but the reference computes it, and so do the models here.
  case all
  /// Those whose `attention_mask` is 1. For outputs recorded by, or computed with, something that leaves padding out.
  case attended
}

/// The `attention_mask` of a run, for telling apart the values that belong to tokens and those that belong to padding.
public struct PaddingMask: Sendable, Hashable {
  /// The extents of the mask: `[batch, sequence]` or `[batch, choices, sequence]`.
  private let dimensions: [Int]
  private let isAttended: [Bool]

  /// A mask in row-major order; nil if it hides nothing, or if there are not as many elements as the extents say.
  public init?(dimensions: [Int], mask: [Int]) {
    guard mask.contains(0), Shape(dimensions)?.elementCount == mask.count, !dimensions.isEmpty
    else { return nil }
    self.dimensions = dimensions
    isAttended = mask.map { $0 != 0 }
  }

  /// The row-major ranges of an output's values that belong to tokens; nil if the output has no value for each token
  /// (`pooler_output`, the logits of a sequence classifier).
  ///
  /// - `attentions.N`, `[sequences, heads, query, key]`: the rows of queries that are tokens. The keys need nothing: a
  ///   hidden one has weight 0.
  /// - `start_logits`, `end_logits`, `[batch, sequence]`: each value is a position's.
  /// - everything else: `[batch, sequence, width]` or `[batch, choices, sequence, width]`; GPT-2's hidden states of choices
  ///   are `[batch · choices, sequence, width]`.
  func attendedRuns(of name: ExactName, _ shape: Shape) -> [Range<Int>]? {
    let extents = shape.dimensions
    let length = dimensions.last ?? 0
    let sequences = length == 0 ? 0 : isAttended.count / length
    if name.string.hasPrefix("attentions.") {
      guard extents.count == 4, extents[0] == sequences, extents[2] == length else { return nil }
      return runs(width: extents[3], repeated: extents[1])
    }
    if name == "start_logits" || name == "end_logits" {
      return extents == dimensions ? runs(width: 1, repeated: 1) : nil
    }
    guard let width = extents.last,
      extents == dimensions + [width] || extents == [sequences, length, width]
    else { return nil }
    return runs(width: width, repeated: 1)
  }

  /// Ranges over `[sequence, repeated, position, width]`, neighbours joined.
  private func runs(width: Int, repeated: Int) -> [Range<Int>] {
    let length = dimensions.last ?? 0
    var runs: [Range<Int>] = []
    var start = 0
    for sequence in 0..<(isAttended.count / max(length, 1)) {
      for _ in 0..<repeated {
        for position in 0..<length {
          if isAttended[sequence * length + position] {
            if let last = runs.last, last.upperBound == start {
              runs[runs.count - 1] = last.lowerBound..<(start + width)
            } else {
              runs.append(start..<(start + width))
            }
          }
          start += width
        }
      }
    }
    return runs
  }
}
