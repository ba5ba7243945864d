internal import TensorEngine

/// In which order examples are taken, as `train_sampling_strategy` of Transformers' `Trainer` names it (5.23).
public enum ExampleOrder: String, Sendable, Hashable, CaseIterable {
  /// Another order each epoch.
  case random
  /// The order that they are given in.
  case sequential
  /// Another order each epoch, in which examples of nearly the same length are neighbours: all are encoded at the beginning.
  case byLength = "group_by_length"

  /// The numbers of all examples in the order of an epoch.
  ///
  /// - Parameters:
  ///   - lengths: The tokens of each example, where ``byLength`` asks for them.
  ///   - perStep: The examples of a step.
  func callAsFunction(
    _ count: Int, lengths: [Int]?, perStep: Int, seed: UInt64, epoch: Int
  ) -> [Int] {
    guard self != .sequential else { return Array(0..<count) }
    var generator = CounterGenerator(
      seed: seed, .order, number: UInt32(truncatingIfNeeded: epoch))
    let drawn = Array(0..<count).shuffled(by: &generator)
    guard self == .byLength, let lengths else { return drawn }
    return Self.grouped(drawn, by: lengths, perStep: perStep)
  }

  /// Numbers sorted by falling length within parts of some steps each, the longest of all first (`get_length_grouped_indices`,
  /// `trainer_pt_utils.py`, Transformers 5.23): so a batch that takes too much memory does so at once.
  package static func grouped(_ drawn: [Int], by lengths: [Int], perStep: Int) -> [Int] {
    let steps = max(1, min(drawn.count / 4 / max(1, perStep), 50))
    let size = max(1, steps * perStep)
    var parts = stride(from: 0, to: drawn.count, by: size).map { start in
      drawn[start..<min(start + size, drawn.count)].enumerated().sorted {
        (lengths[$1.element], $0.offset) < (lengths[$0.element], $1.offset)
      }.map(\.element)
    }
    let longest = parts.indices.reduce(0) {
      lengths[parts[$1][0]] > lengths[parts[$0][0]] ? $1 : $0
    }
    if longest > 0 {
      (parts[0][0], parts[longest][0]) = (parts[longest][0], parts[0][0])
    }
    return Array(parts.joined())
  }
}
