/// WordPiece: the longest token that fits, again and again (models/wordpiece/mod.rs).
final class WordPieceModel: WordTokenizing {
  let vocabulary: Vocabulary
  /// The token for a word that cannot be put together.
  let unknownToken: String
  /// What tokens begin with that are not the first of a word.
  let continuingPrefix: String
  /// Longer words, in scalars, are unknown.
  let longestWord: Int
  /// A walk through a trie is as quick as a look into the memory.
  var isWorthRemembering: Bool { false }

  private let unknownIndex: UInt32?
  private let trie: ScalarTrie
  /// Where the tokens that continue a word stand.
  private let continuingNode: UInt32?

  init(
    vocabulary: Vocabulary, unknownToken: String, continuingPrefix: String, longestWord: Int
  ) {
    self.vocabulary = vocabulary
    self.unknownToken = unknownToken
    self.continuingPrefix = continuingPrefix
    self.longestWord = longestWord
    unknownIndex = vocabulary.index(of: unknownToken)
    trie = ScalarTrie(vocabulary)
    continuingNode = trie.node(after: continuingPrefix.scalarValues)
  }

  func tokenize(
    _ word: ArraySlice<AlignedScalar>, in workspace: inout Workspace
  ) throws(ModelFailure) {
    workspace.found.removeAll(keepingCapacity: true)
    if word.count > longestWord || !split(word, into: &workspace.found) {
      guard let unknownIndex else { throw .unknownTokenMissing(unknownToken) }
      workspace.found.removeAll(keepingCapacity: true)
      workspace.found.append(FoundToken(index: unknownIndex, range: word.indices))
    }
  }

  /// Puts a word together from the front; false if a rest is in no token.
  @inline(__always)
  private func split(_ word: ArraySlice<AlignedScalar>, into found: inout [FoundToken]) -> Bool {
    var start = word.startIndex
    var node: UInt32? = ScalarTrie.root
    while start < word.endIndex {
      guard let place = node,
        let match = trie.longestMatch(in: word, from: start, to: word.endIndex, at: place)
      else { return false }
      found.append(FoundToken(index: match.index, range: start..<match.end))
      start = match.end
      node = continuingNode
    }
    return true
  }
}
