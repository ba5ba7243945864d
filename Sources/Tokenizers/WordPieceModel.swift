/// WordPiece: the longest token that fits, again and again (models/wordpiece/mod.rs).
struct WordPieceModel: Sendable {
  let vocabulary: Vocabulary
  /// The token for a word that cannot be put together.
  let unknownToken: String
  /// Longer words, in scalars, are unknown.
  let longestWord: Int

  private let unknownIndex: UInt32?
  /// Where the tokens that continue a word stand.
  private let continuingNode: UInt32?

  init(
    vocabulary: Vocabulary, unknownToken: String, continuingPrefix: String, longestWord: Int
  ) {
    self.vocabulary = vocabulary
    self.unknownToken = unknownToken
    self.longestWord = longestWord
    unknownIndex = vocabulary.index(of: unknownToken)
    continuingNode = vocabulary.node(after: continuingPrefix.scalarValues)
  }

  func tokenize(
    _ word: ArraySlice<AlignedScalar>, workspace: inout Workspace,
    _ body: (_ index: UInt32, _ range: Range<Int>) -> Void
  ) throws(ModelFailure) {
    workspace.parts.removeAll(keepingCapacity: true)
    if word.count <= longestWord, split(word, into: &workspace.parts) {
      var start = word.startIndex
      for part in workspace.parts {
        let end = start + Int(part.length)
        body(part.index, start..<end)
        start = end
      }
    } else {
      guard let unknownIndex else { throw .unknownTokenMissing(unknownToken) }
      body(unknownIndex, word.startIndex..<word.endIndex)
    }
  }

  /// Puts a word together from the front; false if a rest is in no token.
  @inline(__always)
  private func split(_ word: ArraySlice<AlignedScalar>, into parts: inout [WordPart]) -> Bool {
    var start = word.startIndex
    var node: UInt32? = ScalarTrie.root
    while start < word.endIndex {
      guard let place = node,
        let match = vocabulary.longestMatch(in: word, from: start, at: place)
      else { return false }
      parts.append(WordPart(index: match.index, length: UInt32(match.end - start)))
      start = match.end
      node = continuingNode
    }
    return true
  }
}
