/// Unigram: of all ways to put a word together from tokens the one with the greatest sum of scores
/// (models/unigram/model.rs, `encode_optimized`).
final class UnigramModel: WordTokenizing {
  let vocabulary: Vocabulary
  /// The index of the token for what no token covers; without one, such a word is an error.
  let unknownIndex: UInt32?

  private let trie: ScalarTrie
  private let scores: [Double]
  /// What a scalar that is no token costs.
  private let unknownScore: Double
  /// The tokens `<0x00>` to `<0xFF>`; empty unless unknown scalars become bytes.
  private let byteIndices: [UInt32?]

  /// What a scalar that is no token costs more than the token of the lowest score (`K_UNK_PENALTY`).
  private static let unknownPenalty = 10.0
  /// The path of a longer word is not kept between words.
  private static let longestKept = 1 << 16

  /// The best way to a place in a word: the last token on it, and where that token begins.
  struct Step: Sendable {
    var score: Double
    var start: UInt32
    /// The token's index, or ``nothing`` where no way leads.
    var index: UInt32

    static var nothing: UInt32 { .max }

    /// True if a way with this score is to be taken instead.
    @inline(__always)
    func isWorse(than score: Double) -> Bool { index == Self.nothing || score > self.score }
  }

  /// - Parameters:
  ///   - scores: One for each token, finite.
  ///   - unknownIndex: An index of the vocabulary.
  init(
    vocabulary: Vocabulary, scores: [Double], unknownIndex: UInt32?, fallsBackToBytes: Bool
  ) {
    self.vocabulary = vocabulary
    trie = ScalarTrie(vocabulary)
    self.scores = scores
    self.unknownIndex = unknownIndex
    unknownScore = (scores.min() ?? .infinity) - Self.unknownPenalty
    byteIndices = fallsBackToBytes ? vocabulary.byteIndices : []
  }

  var unknownToken: String? { unknownIndex.map { vocabulary.texts[Int($0)] } }

  /// The reference gives the unknown token the text that it stands for.
  var indexWrittenAsText: UInt32? { unknownIndex }

  func tokenize(
    _ word: ArraySlice<AlignedScalar>, in workspace: inout Workspace
  ) throws(ModelFailure) {
    workspace.found.removeAll(keepingCapacity: true)
    try findPath(through: word, in: &workspace.path)
    workspace.parts.removeAll(keepingCapacity: true)
    try appendParts(of: word, along: workspace.path, to: &workspace.parts)
    if workspace.path.count > Self.longestKept { workspace.path = [] }
    Self.place(workspace.parts[...], on: word, in: &workspace.found)
  }

  /// Says which scalars each token covers. One without a length of its own is a byte of what the token before it covers.
  private static func place(
    _ parts: ArraySlice<WordPart>, on word: ArraySlice<AlignedScalar>,
    in found: inout [FoundToken]
  ) {
    var range = word.startIndex..<word.startIndex
    for part in parts {
      if part.length > 0 { range = range.upperBound..<range.upperBound + Int(part.length) }
      found.append(FoundToken(index: part.index, range: range))
    }
  }

  /// Fills in the best way to each place in the word. Of equal ones the first that is found counts: the one whose last
  /// token is the longest.
  private func findPath(
    through word: ArraySlice<AlignedScalar>, in path: inout [Step]
  ) throws(ModelFailure) {
    path.removeAll(keepingCapacity: true)
    path.append(
      contentsOf: repeatElement(
        Step(score: 0, start: 0, index: Step.nothing), count: word.count + 1))
    for place in 0..<word.count {
      let score = path[place].score
      var isToken = false
      var node = ScalarTrie.root
      var end = place
      while end < word.count,
        let next = trie.node(after: node, word[word.startIndex + end].value)
      {
        node = next
        end += 1
        guard let index = trie.index(at: node) else { continue }
        if end == place + 1 { isToken = true }
        let sum = score + scores[Int(index)]
        if path[end].isWorse(than: sum) {
          path[end] = Step(score: sum, start: UInt32(truncatingIfNeeded: place), index: index)
        }
      }
      let sum = score + unknownScore
      guard !isToken, path[place + 1].isWorse(than: sum) else { continue }
      guard let unknownIndex else { throw .unknownTokenNotStated }
      path[place + 1] = Step(
        score: sum, start: UInt32(truncatingIfNeeded: place), index: unknownIndex)
    }
  }

  /// Follows the path back from the end. Unknown neighbours are one token, and so is the unknown token where the word spells
  /// it out.
  private func appendParts(
    of word: ArraySlice<AlignedScalar>, along path: [Step], to parts: inout [WordPart]
  ) throws(ModelFailure) {
    var end = word.count
    while end > 0 {
      let step = path[end]
      var start = Int(step.start)
      if step.index == unknownIndex {
        while start > 0, path[start].index == unknownIndex { start = Int(path[start].start) }
        try appendUnknown(word[(word.startIndex + start)..<(word.startIndex + end)], to: &parts)
      } else {
        parts.append(
          WordPart(index: step.index, length: UInt32(truncatingIfNeeded: end - start)))
      }
      end = start
    }
    parts.reverse()
  }

  /// Appends what stands for unknown scalars, last part first: their token, should they be one together, or those of their
  /// bytes, or the unknown token.
  private func appendUnknown(
    _ text: ArraySlice<AlignedScalar>, to parts: inout [WordPart]
  ) throws(ModelFailure) {
    let length = UInt32(truncatingIfNeeded: text.count)
    if let index = vocabulary.index(of: text.lazy.map(\.value)) {
      parts.append(WordPart(index: index, length: length))
    } else if let bytes = byteTokens(of: text) {
      parts += bytes.dropFirst().reversed().map { WordPart(index: $0, length: 0) }
      parts += bytes.prefix(1).map { WordPart(index: $0, length: length) }
    } else {
      guard let unknownIndex else { throw .unknownTokenNotStated }
      parts.append(WordPart(index: unknownIndex, length: length))
    }
  }

  /// The tokens of a text's bytes; nil if one is missing.
  private func byteTokens(of text: ArraySlice<AlignedScalar>) -> [UInt32]? {
    guard !byteIndices.isEmpty else { return nil }
    var indices: [UInt32] = []
    for scalar in text {
      guard let bytes = Unicode.Scalar(scalar.value).flatMap({ UTF8.encode($0) }) else {
        return nil
      }
      for byte in bytes {
        guard let index = byteIndices[Int(byte)] else { return nil }
        indices.append(index)
      }
    }
    return indices
  }
}
