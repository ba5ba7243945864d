#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What is done to the scores of the next token before one is chosen (`generation/logits_process.py`, Transformers 5.23,
/// in the order of `_get_logits_processor`). Arithmetic is in float32 as there, so that equal scores stay equal.
package struct ScoreProcessor {
  package var repetitionPenalty: Float = 1
  package var noRepeatNGramSize = 0
  /// No end before the text with its prompt is so long, and before so many new tokens.
  package var minLength = 0
  package var minNewTokens = 0
  package var promptLength = 0
  package var eosTokenIDs: [Int] = []
  /// Only where tokens are drawn.
  package var sampling: Sampling?

  /// What restricts the tokens that are drawn from.
  package struct Sampling {
    package var temperature: Float = 1
    package var topK = 0
    package var topP = 1.0
    /// So many are never taken away.
    package var leastKept = 1

    /// Draws from all tokens.
    package init() {}
  }

  /// Changes nothing.
  package init() {}

  /// Changes the scores of one row.
  ///
  /// - Parameters:
  ///   - tokens: The text so far, prompt and padding included.
  ///   - padding: The number of tokens at the start that are no text, which repetition does not count.
  package func apply(to scores: inout [Float], tokens: ArraySlice<Int>, padding: Int) {
    if repetitionPenalty != 1 { penalizeRepetition(&scores, tokens.dropFirst(padding)) }
    if noRepeatNGramSize > 0 { banRepeatedNGrams(&scores, Array(tokens)) }
    if tokens.count < minLength || tokens.count - promptLength < minNewTokens {
      for token in eosTokenIDs where scores.indices.contains(token) { scores[token] = -.infinity }
    }
    guard let sampling else { return }
    if sampling.temperature != 1 {
      for token in scores.indices { scores[token] /= sampling.temperature }
    }
    if sampling.topK > 0 {
      Self.keepBest(&scores, max(sampling.topK, sampling.leastKept))
    }
    if sampling.topP < 1 { Self.keepMostProbable(&scores, sampling) }
  }

  private func penalizeRepetition(_ scores: inout [Float], _ tokens: ArraySlice<Int>) {
    for token in Set(tokens) where scores.indices.contains(token) {
      let score = scores[token]
      scores[token] = score < 0 ? score * repetitionPenalty : score / repetitionPenalty
    }
  }

  /// Bans each token that would complete a run of tokens that is there already.
  private func banRepeatedNGrams(_ scores: inout [Float], _ tokens: [Int]) {
    let size = noRepeatNGramSize
    guard tokens.count >= size else { return }
    let current = tokens.suffix(size - 1)
    for start in 0...(tokens.count - size) {
      let next = tokens[start + size - 1]
      if tokens[start..<(start + size - 1)].elementsEqual(current), scores.indices.contains(next) {
        scores[next] = -.infinity
      }
    }
  }

  /// Takes away what is below the k-th best; what is equal to it stays.
  private static func keepBest(_ scores: inout [Float], _ count: Int) {
    guard count < scores.count, let last = largestPlaces(count, of: scores).last else { return }
    let bound = scores[last]
    for token in scores.indices where scores[token] < bound { scores[token] = -.infinity }
  }

  /// Takes away the least probable tokens, as many as have 1 − p together.
  private static func keepMostProbable(_ scores: inout [Float], _ sampling: Sampling) {
    // Upwards, as there. What is already out has no probability.
    let order = scores.indices.filter { scores[$0] > -.infinity }
      .sorted { (scores[$0], $0) < (scores[$1], $1) }
    let probabilities = probabilities(of: order.map { scores[$0] })
    let bound = Float(1 - sampling.topP)
    var sum: Double = 0
    for (place, token) in order.enumerated().dropLast(sampling.leastKept) {
      sum += Double(probabilities[place])
      guard Float(sum) <= bound else { break }
      scores[token] = -.infinity
    }
  }

  /// exp(score − max) / sum.
  package static func probabilities(of scores: [Float]) -> [Float] {
    guard let most = scores.max(), most > -.infinity else { return scores.map { _ in 0 } }
    let powers = scores.map { expf($0 - most) }
    let sum = Float(powers.reduce(into: 0.0) { $0 += Double($1) })
    return powers.map { $0 / sum }
  }

  /// score − max − log(sum of exp(score − max)).
  static func logProbabilities(of scores: ArraySlice<Float>) -> [Float] {
    guard let most = scores.max(), most > -.infinity else { return Array(scores) }
    let sum = scores.reduce(into: 0.0) { $0 += Double(expf($1 - most)) }
    let logarithm = Float(log(sum))
    return scores.map { $0 - most - logarithm }
  }
}
