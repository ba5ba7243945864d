internal import CheckpointBytes

/// Draws tokens.
struct TokenSampler {
  private var numbers: SeededNumbers

  init(seed: UInt64) {
    numbers = SeededNumbers(seed)
  }

  /// A number from 0 up to, but not, 1.
  private mutating func nextUnit() -> Double { Double(numbers.next() >> 11) * 0x1p-53 }

  /// An index, drawn with probability exp(score − max) / sum.
  ///
  /// - Throws: `inconsistent` if that is no probability, since a score is no number or infinite, or all are ruled out:
  ///   `torch.multinomial` refuses them too.
  mutating func draw(from scores: [Float]) throws(CheckpointError) -> Int {
    let probabilities = ScoreProcessor.probabilities(of: scores)
    let total = probabilities.reduce(into: 0.0) { $0 += Double($1) }
    guard total.isFinite, total > 0 else {
      throw inputFailure(
        .inconsistent, "do_sample",
        "the scores of the next token are no probabilities: some are not finite, or every token is ruled out",
        remedy: "a higher temperature, fewer rules or other weights")
    }
    let bound = nextUnit() * total
    var sum = 0.0
    var last = 0
    for (index, probability) in probabilities.enumerated() where probability > 0 {
      sum += Double(probability)
      last = index
      if sum > bound { return index }
    }
    return last
  }

  /// So many different indices, drawn one after the other. Where fewer are possible the first others follow, as impossible
  /// as they are: beam search needs its number.
  ///
  /// - Throws: As ``draw(from:)`` does, if not even one is possible.
  mutating func draw(_ count: Int, from scores: [Float]) throws(CheckpointError) -> [Int] {
    var left = scores
    var drawn: [Int] = []
    while drawn.count < min(count, scores.count) {
      if !drawn.isEmpty, !left.contains(where: { $0 > -.infinity }) {
        let others = scores.indices.filter { !drawn.contains($0) }
        return drawn + others.prefix(count - drawn.count)
      }
      let index = try draw(from: left)
      left[index] = -.infinity
      drawn.append(index)
    }
    return drawn
  }
}
