internal import CheckpointBytes

/// A search with beams or without, beside others in one decoder.
enum PromptSearch {
  case tokens(TokenSearch)
  case beams(BeamSearch, textCount: Int)

  /// A search for the texts of some prompts.
  init(_ start: SearchStart, ends: @escaping (_ tokens: [Int]) -> Bool) {
    self =
      start.plan.beamCount > 1
      ? .beams(
        BeamSearch(plan: start.plan, prompts: start.texts, padding: start.padding, ends: ends),
        textCount: start.texts.count * start.copies)
      : .tokens(start.search(ends: ends, measures: true))
  }

  /// How many texts of the decoder are its own.
  var textCount: Int {
    switch self {
    case .tokens(let search): search.texts.count
    case .beams(_, let count): count
    }
  }

  /// What has been found.
  var results: [GeneratedText] {
    switch self {
    case .tokens(let search): search.results
    case .beams(let search, _): search.texts
    }
  }

  /// Goes on from scores `[text, vocabulary]`.
  ///
  /// - Returns: Which text each of its own continues, nil if each continues itself, and the tokens behind them; nil at the end.
  private mutating func step(
    _ scores: ArraySlice<Float>
  ) throws(CheckpointError) -> (origins: [Int]?, tokens: [Int?])? {
    switch self {
    case .tokens(var search):
      let chosen = try search.choose(scores)
      self = .tokens(search)
      return search.next(chosen).map { (nil, $0) }
    case .beams(var search, let count):
      let step = try search.step(scores)
      self = .beams(search, textCount: count)
      return step.map { ($0.origins, $0.tokens) }
    }
  }

  /// Runs searches to their ends, a token of all of them at a time.
  ///
  /// - Parameter decoder: Has the texts of all, in their order.
  static func run(
    _ searches: inout [PromptSearch], _ decoder: inout some TokenDecoder
  ) throws(CheckpointError) {
    let width = decoder.vocabularySize
    var scores = try decoder.begin()
    var hasEnded = searches.map { _ in false }
    while true {
      try CheckpointError.throwIfCancelled()
      var origins: [Int] = []
      var tokens: [Int?] = []
      var moves = false
      for place in searches.indices {
        let first = tokens.count
        let own = first..<(first + searches[place].textCount)
        let step =
          hasEnded[place]
          ? nil
          : try searches[place].step(scores[(own.lowerBound * width)..<(own.upperBound * width)])
        hasEnded[place] = step == nil
        moves = moves || step?.origins != nil
        origins += step?.origins?.map { first + $0 } ?? Array(own)
        tokens += step?.tokens ?? own.map { _ in nil }
      }
      guard hasEnded.contains(false) else { return }
      if moves { try decoder.reorder(origins) }
      scores = try decoder.advance(tokens)
    }
  }
}
