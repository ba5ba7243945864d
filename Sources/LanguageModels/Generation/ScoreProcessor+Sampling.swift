#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension ScoreProcessor {
  /// What restricts the tokens that are drawn from, in the order of `_get_logits_processor` (5.23).
  package struct Sampling {
    package var temperature: Float = 1
    package var topH: Double?
    package var topK = 0
    package var topP = 1.0
    package var minP: Double?
    package var typicalP = 1.0
    package var epsilonCutoff = 0.0
    package var etaCutoff = 0.0
    /// So many are never taken away.
    package var leastKept = 1

    /// Draws from all tokens.
    package init() {}

    /// As settings say.
    init(_ settings: GenerationSettings) {
      temperature = Float(settings.temperature ?? 1)
      topH = settings.topH
      topK = settings.topK ?? 50
      topP = settings.topP ?? 1
      minP = settings.minP
      typicalP = settings.typicalP ?? 1
      epsilonCutoff = settings.epsilonCutoff ?? 0
      etaCutoff = settings.etaCutoff ?? 0
    }
  }
}

extension ScoreProcessor.Sampling {
  /// Changes the scores of one row.
  func apply(to scores: inout [Float]) {
    if temperature != 1 {
      for token in scores.indices { scores[token] /= temperature }
    }
    if let topH { keepEntropy(topH, &scores) }
    if topK > 0 { keepBest(max(topK, leastKept), &scores) }
    if topP < 1 { keepMostProbable(&scores) }
    if let minP { keepNearBest(Float(minP), &scores) }
    if typicalP < 1 { keepTypical(Float(typicalP), &scores) }
    if epsilonCutoff > 0, epsilonCutoff < 1 {
      cutOff(below: Float(epsilonCutoff), ScoreProcessor.probabilities(of: scores), &scores)
    }
    if etaCutoff > 0, etaCutoff < 1 {
      let probabilities = ScoreProcessor.probabilities(of: scores)
      let epsilon = Float(etaCutoff)
      let entropy = Self.entropy(scores, probabilities)
      cutOff(
        below: min(epsilon, epsilon.squareRoot() * expf(-entropy)), probabilities, &scores)
    }
  }

  /// Takes away what is below the k-th best; what is equal to it stays.
  private func keepBest(_ count: Int, _ scores: inout [Float]) {
    guard count < scores.count, let last = largestPlaces(count, of: scores).last else { return }
    let bound = scores[last]
    for token in scores.indices where scores[token] < bound { scores[token] = -.infinity }
  }

  /// Takes away the least probable tokens, as many as have 1 − p together.
  private func keepMostProbable(_ scores: inout [Float]) {
    // Upwards, as there. What is already out has no probability.
    let order = scores.indices.filter { scores[$0] > -.infinity }
      .sorted { (scores[$0], $0) < (scores[$1], $1) }
    let probabilities = ScoreProcessor.probabilities(of: order.map { scores[$0] })
    let bound = Float(1 - topP)
    var sum: Double = 0
    for (place, token) in order.enumerated().dropLast(leastKept) {
      sum += Double(probabilities[place])
      guard Float(sum) <= bound else { break }
      scores[token] = -.infinity
    }
  }

  /// Keeps the best tokens that have a part of the entropy of the best hundred together (`TopHLogitsWarper`).
  private func keepEntropy(_ part: Double, _ scores: inout [Float]) {
    let best = largestPlaces(100, of: scores)
    let probabilities = ScoreProcessor.probabilities(of: best.map { scores[$0] })
    let terms = probabilities.map { -$0 * logf($0) }
    let entropy = terms.reduce(0) { $1.isNaN ? $0 : $0 + $1 }
    let bound = Float(Double(entropy) * part)
    var kept = [Float](repeating: -.infinity, count: scores.count)
    var sum: Float = 0
    for (place, token) in best.enumerated() {
      sum += terms[place]
      if place == 0 || sum <= bound { kept[token] = scores[token] }
    }
    scores = kept
  }

  /// Takes away what has less than a part of the greatest probability (`MinPLogitsWarper`).
  private func keepNearBest(_ part: Float, _ scores: inout [Float]) {
    let probabilities = ScoreProcessor.probabilities(of: scores)
    let bound = part * (probabilities.max() ?? 0)
    let safe = Set(largestPlaces(leastKept, of: probabilities))
    for token in scores.indices where probabilities[token] < bound && !safe.contains(token) {
      scores[token] = -.infinity
    }
  }

  /// Keeps the tokens whose surprise is nearest to the mean, as many as have a probability together (`TypicalLogitsWarper`).
  private func keepTypical(_ mass: Float, _ scores: inout [Float]) {
    let logarithms = ScoreProcessor.logProbabilities(of: scores[...])
    let mean = -logarithms.reduce(into: 0.0) { sum, logarithm in
      if logarithm > -.infinity { sum += Double(expf(logarithm) * logarithm) }
    }
    let distances = logarithms.map { (-$0 - Float(mean)).magnitude }
    let order = distances.indices.sorted { (distances[$0], $0) < (distances[$1], $1) }
    let probabilities = ScoreProcessor.probabilities(of: order.map { scores[$0] })
    var sum = 0.0
    var below = 0
    for probability in probabilities {
      sum += Double(probability)
      guard Float(sum) < mass else { break }
      below += 1
    }
    guard !order.isEmpty else { return }
    let bound = distances[order[min(below, order.count - 1)]]
    for token in order.dropFirst(leastKept) where distances[token] > bound {
      scores[token] = -.infinity
    }
  }

  /// Takes away what is less probable than a bound, but for the best (`EpsilonLogitsWarper`).
  private func cutOff(below bound: Float, _ probabilities: [Float], _ scores: inout [Float]) {
    guard let last = largestPlaces(leastKept, of: scores).last else { return }
    let least = scores[last]
    for token in scores.indices where probabilities[token] < bound && scores[token] < least {
      scores[token] = -.infinity
    }
  }

  private static func entropy(_ scores: [Float], _ probabilities: [Float]) -> Float {
    let logarithms = ScoreProcessor.logProbabilities(of: scores[...])
    return Float(
      -zip(logarithms, probabilities).reduce(0.0) { sum, pair in
        pair.1 > 0 ? sum + Double(pair.0 * pair.1) : sum
      })
  }
}
