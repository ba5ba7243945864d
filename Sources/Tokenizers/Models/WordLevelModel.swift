/// WordLevel: every word is a token, or the unknown one (models/wordlevel/mod.rs).
final class WordLevelModel: WordTokenizing {
  let vocabulary: Vocabulary
  /// The token for a word that is not in the vocabulary.
  let unknownToken: String
  /// To find a word's token is to look it up.
  var isWorthRemembering: Bool { false }

  private let unknownIndex: UInt32?

  init(vocabulary: Vocabulary, unknownToken: String) {
    self.vocabulary = vocabulary
    self.unknownToken = unknownToken
    unknownIndex = vocabulary.index(of: unknownToken)
  }

  func tokenize(
    _ word: ArraySlice<AlignedScalar>, in workspace: inout Workspace
  ) throws(ModelFailure) {
    workspace.found.removeAll(keepingCapacity: true)
    guard let index = vocabulary.index(of: word.lazy.map(\.value)) ?? unknownIndex else {
      throw .unknownTokenMissing(unknownToken)
    }
    workspace.found.append(FoundToken(index: index, range: word.indices))
  }
}
