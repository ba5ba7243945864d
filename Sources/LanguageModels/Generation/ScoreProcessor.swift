#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif
package import CheckpointBytes

/// What is done to the scores of the next token before one is chosen (`generation/logits_process.py`, Transformers 5.23,
/// in the order of `_get_logits_processor`). Arithmetic is in float32 as there, so that equal scores stay equal.
package struct ScoreProcessor {
  package var repetitionPenalty: Float = 1
  package var noRepeatNGramSize = 0
  package var promptRepetitionPenalty: Float = 1
  package var noRepeatPromptNGramSize = 0
  package var biases = TokenBiases()
  package var badWords = TokenBiases()
  /// No end before the text with its prompt is so long, and before so many new tokens.
  package var minLength = 0
  package var minNewTokens = 0
  package var maxLength = Int.max
  package var promptLength = 0
  package var eosTokenIDs: [Int] = []
  package var forcedFirst: Int?
  package var forcedLast: [Int] = []
  package var removesInvalidValues = false
  package var endPressure: GenerationSettings.EndPressure?
  package var suppressed: [Int] = []
  package var suppressedFirst: [Int] = []
  /// Only where tokens are drawn.
  package var sampling: Sampling?
  package var renormalizes = false

  /// Changes nothing.
  package init() {}

  /// The rules of settings, lengths left out.
  package init(_ settings: GenerationSettings) {
    repetitionPenalty = Float(settings.repetitionPenalty ?? 1)
    noRepeatNGramSize = settings.noRepeatNGramSize ?? 0
    // Tokens of the prompt are made less likely by a number below 1, as there.
    promptRepetitionPenalty = Float(1 / (settings.promptRepetitionPenalty ?? 1))
    noRepeatPromptNGramSize = settings.noRepeatPromptNGramSize ?? 0
    biases = TokenBiases(settings.sequenceBias)
    eosTokenIDs = settings.eosTokenIDs ?? []
    badWords = TokenBiases(
      settings.badWords.filter { $0.count > 1 || !eosTokenIDs.contains($0.first ?? -1) }
        .map { GenerationSettings.SequenceBias($0, -.infinity) })
    minNewTokens = settings.minNewTokens ?? 0
    forcedFirst = settings.forcedFirstTokenID
    forcedLast = settings.forcedLastTokenIDs
    removesInvalidValues = settings.removesInvalidValues ?? false
    endPressure = settings.endPressure
    suppressed = settings.suppressedTokens
    suppressedFirst = settings.suppressedFirstTokens
    sampling = settings.samples == true ? Sampling(settings) : nil
    renormalizes = settings.renormalizes ?? false
  }

  /// Changes the scores of one row.
  ///
  /// - Parameters:
  ///   - tokens: The text so far, prompt and padding included.
  ///   - padding: The number of tokens at the start that are no text, which repetition does not count.
  /// - Throws: `inconsistent` if a score is no number in the end: whatever were chosen by it would be made up. (There, the first
  ///   token follows, or with beams the number of one.)
  package func apply(
    to scores: inout [Float], tokens: ArraySlice<Int>, padding: Int
  ) throws(CheckpointError) {
    biases.apply(to: &scores, after: tokens)
    if promptRepetitionPenalty != 1 {
      Self.penalize(tokens.prefix(promptLength), by: promptRepetitionPenalty, &scores)
    }
    if repetitionPenalty != 1 {
      Self.penalize(tokens.dropFirst(padding), by: repetitionPenalty, &scores)
    }
    if noRepeatNGramSize > 0 {
      Self.ban(noRepeatNGramSize, of: Array(tokens), after: tokens, &scores)
    }
    if noRepeatPromptNGramSize > 0 {
      Self.ban(
        noRepeatPromptNGramSize, of: Array(tokens.prefix(promptLength)), after: tokens, &scores)
    }
    badWords.apply(to: &scores, after: tokens)
    if tokens.count < minLength || tokens.count - promptLength < minNewTokens {
      Self.ruleOut(eosTokenIDs, &scores)
    }
    if let forcedFirst, tokens.count == 1 { Self.force([forcedFirst], &scores) }
    if !forcedLast.isEmpty, tokens.count == maxLength - 1 { Self.force(forcedLast, &scores) }
    if removesInvalidValues { Self.removeInvalidValues(&scores) }
    if let endPressure { press(endPressure, tokens.count, &scores) }
    Self.ruleOut(suppressed, &scores)
    let begin = promptLength + (promptLength > 1 || forcedFirst == nil ? 0 : 1)
    if tokens.count == begin { Self.ruleOut(suppressedFirst, &scores) }
    sampling?.apply(to: &scores)
    if renormalizes { scores = Self.logProbabilities(of: scores[...]) }
    if scores.contains(where: \.isNaN) {
      throw inputFailure(
        .inconsistent, "generate",
        "the scores of new token \(tokens.count - promptLength + 1) are no numbers",
        remedy: removesInvalidValues ? "other weights" : "other weights, or remove_invalid_values")
    }
  }

  private static func ruleOut(_ tokens: [Int], _ scores: inout [Float]) {
    for token in tokens where scores.indices.contains(token) { scores[token] = -.infinity }
  }

  private static func force(_ tokens: [Int], _ scores: inout [Float]) {
    scores = scores.map { _ in -.infinity }
    for token in tokens where scores.indices.contains(token) { scores[token] = 0 }
  }

  private static func penalize(
    _ tokens: ArraySlice<Int>, by penalty: Float, _ scores: inout [Float]
  ) {
    for token in Set(tokens) where scores.indices.contains(token) {
      let score = scores[token]
      scores[token] = score < 0 ? score * penalty : score / penalty
    }
  }

  /// Bans each token that would complete a run of tokens that is there already.
  private static func ban(
    _ size: Int, of tokens: [Int], after text: ArraySlice<Int>, _ scores: inout [Float]
  ) {
    guard tokens.count >= size, text.count >= size - 1 else { return }
    let current = text.suffix(size - 1)
    for start in 0...(tokens.count - size) {
      let next = tokens[start + size - 1]
      if tokens[start..<(start + size - 1)].elementsEqual(current), scores.indices.contains(next) {
        scores[next] = -.infinity
      }
    }
  }

  private static func removeInvalidValues(_ scores: inout [Float]) {
    let greatest = Float.greatestFiniteMagnitude
    scores = scores.map { $0.isNaN ? 0 : min(max($0, -greatest), greatest) }
  }

  private func press(
    _ pressure: GenerationSettings.EndPressure, _ length: Int, _ scores: inout [Float]
  ) {
    // A number from a file never overflows: beyond these there is no text.
    let step = length - promptLength - min(max(pressure.start, -1 << 40), 1 << 40)
    guard step > 0 else { return }
    let factor = Float(pow(pressure.factor, Double(step)) - 1)
    for token in Set(eosTokenIDs) where scores.indices.contains(token) && scores[token].isFinite {
      scores[token] += scores[token].magnitude * factor
    }
  }

  /// exp(score − max) / sum.
  package static func probabilities(of scores: [Float]) -> [Float] {
    guard let most = scores.max(), most != -.infinity else { return scores.map { _ in 0 } }
    let powers = scores.map { expf($0 - most) }
    let sum = Float(powers.reduce(into: 0.0) { $0 += Double($1) })
    return powers.map { $0 / sum }
  }

  /// score − max − log(sum of exp(score − max)).
  package static func logProbabilities(of scores: ArraySlice<Float>) -> [Float] {
    guard let most = scores.max(), most != -.infinity else { return Array(scores) }
    let sum = scores.reduce(into: 0.0) { $0 += Double(expf($1 - most)) }
    let logarithm = Float(log(sum))
    return scores.map { $0 - most - logarithm }
  }
}

/// Numbers for the scores of tokens, some only where other tokens stand before them (`SequenceBiasLogitsProcessor`).
package struct TokenBiases {
  private var single: [Int: Float] = [:]
  /// Sequences of several tokens, those of one length together.
  private var longer: [(prefix: [Int], last: Int, bias: Float)] = []

  /// None.
  package init() {}

  /// The last of several numbers for the same tokens counts.
  package init(_ biases: [GenerationSettings.SequenceBias]) {
    var order: [[Int]] = []
    var values: [[Int]: Float] = [:]
    for bias in biases where !bias.tokens.isEmpty {
      if values.updateValue(Float(bias.bias), forKey: bias.tokens) == nil {
        order.append(bias.tokens)
      }
    }
    var lengths: [Int] = []
    for tokens in order where tokens.count > 1 && !lengths.contains(tokens.count) {
      lengths.append(tokens.count)
    }
    for tokens in order where tokens.count == 1 { single[tokens[0]] = values[tokens] }
    longer = lengths.flatMap { length in
      order.filter { $0.count == length }.map {
        (Array($0.dropLast()), $0[length - 1], values[$0] ?? 0)
      }
    }
  }

  fileprivate func apply(to scores: inout [Float], after tokens: ArraySlice<Int>) {
    guard !single.isEmpty || !longer.isEmpty else { return }
    var sums = single
    for (prefix, last, bias) in longer where tokens.suffix(prefix.count).elementsEqual(prefix) {
      sums[last, default: 0] += bias
    }
    for (token, bias) in sums where scores.indices.contains(token) { scores[token] += bias }
  }
}
