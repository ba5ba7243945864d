/// Draws tokens. The generator is SplitMix64: short, and the same on every machine.
struct TokenSampler {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  /// A number from 0 up to, but not, 1.
  mutating func nextUnit() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    bits ^= bits >> 31
    return Double(bits >> 11) * 0x1p-53
  }

  /// An index, drawn with probability exp(score − max) / sum. If no score is above minus infinity, the first.
  mutating func draw(from scores: [Float]) -> Int {
    let probabilities = ScoreProcessor.probabilities(of: scores)
    let total = probabilities.reduce(into: 0.0) { $0 += Double($1) }
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

  /// So many different indices, drawn one after the other.
  mutating func draw(_ count: Int, from scores: [Float]) -> [Int] {
    var left = scores
    return (0..<min(count, scores.count)).map { _ in
      let index = draw(from: left)
      left[index] = -.infinity
      return index
    }
  }
}
