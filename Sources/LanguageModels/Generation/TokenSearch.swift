internal import CheckpointBytes

/// Greedy search and sampling (`_sample` of `generation/utils.py`, Transformers 5.23): every text goes on by itself.
struct TokenSearch {
  let plan: GenerationPlan
  /// The number of padding tokens before each prompt.
  let padding: [Int]
  /// True for a text that is to end for the caller's reasons.
  let ends: (_ tokens: [Int]) -> Bool
  private(set) var texts: [[Int]]
  /// Of each text the logarithms of its new tokens' probabilities, if they are wanted.
  private(set) var logProbabilities: [[Double]]
  private(set) var isFinished: [Bool]
  private let measures: Bool
  private var sampler: TokenSampler

  init(
    plan: GenerationPlan, prompts: [[Int]], padding: [Int],
    ends: @escaping (_ tokens: [Int]) -> Bool, measures: Bool = false
  ) {
    self.plan = plan
    self.padding = padding
    self.ends = ends
    self.measures = measures
    texts = prompts
    logProbabilities = prompts.map { _ in [] }
    isFinished = Array(repeating: false, count: prompts.count)
    sampler = TokenSampler(seed: plan.seed)
  }

  /// What has been written.
  var results: [GeneratedText] {
    zip(texts, logProbabilities).map { GeneratedText(tokens: $0, logProbabilities: $1) }
  }

  /// Chooses tokens until every text has ended, and hands out each step: one token for each text, padding where it has ended.
  ///
  /// - Parameters:
  ///   - decoder: Has as many texts.
  ///   - report: Called after each step; false stops the search.
  mutating func run(
    _ decoder: inout some TokenDecoder,
    _ report: (_ tokens: [Int]) throws(CheckpointError) -> Bool
  ) throws(CheckpointError) {
    var scores = try decoder.begin()
    while true {
      let tokens = try choose(scores[...])
      guard try report(tokens), let next = next(tokens) else { return }
      scores = try decoder.advance(next)
    }
  }

  /// What a decoder is given of the tokens that were chosen; nil if every text has ended.
  func next(_ tokens: [Int]) -> [Int?]? {
    guard !isFinished.allSatisfy({ $0 }) else { return nil }
    return zip(texts.indices, tokens).map { text, token in isWanted(text) ? token : nil }
  }

  /// False for a text that has ended, and goes on with padding only.
  private func isWanted(_ text: Int) -> Bool {
    // As there: without a token that ends texts, all go on until the last has ended.
    !isFinished[text] || plan.eosTokenIDs.isEmpty
  }

  /// Chooses a token for each text from the scores `[text, vocabulary]`, and appends it.
  mutating func choose(_ scores: ArraySlice<Float>) throws(CheckpointError) -> [Int] {
    let width = scores.count / max(1, texts.count)
    var chosen: [Int] = []
    for text in texts.indices {
      var token = plan.padTokenID ?? 0
      if isWanted(text) {
        let start = scores.startIndex + text * width
        var row = Array(scores[start..<(start + width)])
        try plan.processor.apply(to: &row, tokens: texts[text][...], padding: padding[text])
        token = plan.samples ? try sampler.draw(from: row) : largestPlaces(1, of: row).first ?? 0
        if measures, !isFinished[text] {
          logProbabilities[text].append(
            Double(ScoreProcessor.logProbabilities(of: row[...])[token]))
        }
      }
      texts[text].append(token)
      chosen.append(token)
      if plan.eosTokenIDs.contains(token) || texts[text].count >= plan.maxLength
        || ends(texts[text])
      {
        isFinished[text] = true
      }
    }
    return chosen
  }
}
