/// Byte-pair encoding: the word's scalars, joined pair by pair in the order of the merges (models/bpe/model.rs).
final class BytePairModel: WordTokenizing {
  /// A merge: how early it comes, and what it makes.
  struct Merge: Sendable {
    var rank: UInt32
    var result: UInt32
  }

  /// What is set beside vocabulary and merges.
  struct Options: Sendable {
    /// The token for scalars that are not in the vocabulary; without one, they are left out.
    var unknownToken: String?
    /// What tokens begin with that are not the first of a word.
    var continuingPrefix = ""
    /// What tokens end with that are the last of a word.
    var endOfWordSuffix = ""
    /// Unknown scalars in a row become one token.
    var fusesUnknown = false
    /// Unknown scalars become tokens of their bytes, `<0x0A>`, if the vocabulary has them all.
    var fallsBackToBytes = false
    /// Words that are tokens are not put together by merges.
    var ignoresMerges = false
  }

  let vocabulary: Vocabulary
  let options: Options
  private let merges: PairTable<Merge>
  private let unknownIndex: UInt32?
  private let byteIndices: [UInt32?]
  /// The tokens of single scalars below 0x180, which are all that byte-level text is made of, if they are plain.
  private let singles: [UInt32?]

  var unknownToken: String? { options.unknownToken }

  init(vocabulary: Vocabulary, merges: PairTable<Merge>, options: Options) {
    self.vocabulary = vocabulary
    self.merges = merges
    self.options = options
    unknownIndex = options.unknownToken.flatMap { vocabulary.index(of: $0) }
    byteIndices = vocabulary.byteIndices
    let isPlain = options.continuingPrefix.isEmpty && options.endOfWordSuffix.isEmpty
    singles = isPlain ? (0..<0x180).map { vocabulary.index(of: CollectionOfOne($0)) } : []
  }

  func tokenize(
    _ word: ArraySlice<AlignedScalar>, in workspace: inout Workspace
  ) throws(ModelFailure) {
    workspace.found.removeAll(keepingCapacity: true)
    workspace.parts.removeAll(keepingCapacity: true)
    if options.ignoresMerges, let index = vocabulary.index(of: word.lazy.map(\.value)) {
      let byteCount = word.reduce(0) { $0 + $1.value.byteCount }
      workspace.parts.append(WordPart(index: index, length: UInt32(byteCount)))
    } else {
      try appendSymbols(of: word, to: &workspace.symbols)
      workspace.symbols.merge(by: merges, into: &workspace.parts)
    }
    Self.place(workspace.parts[...], on: word, in: &workspace.found)
  }

  /// Says which scalars each token covers. A token may end inside a scalar's bytes; it covers the whole.
  ///
  /// Where scalars have been left out, the tokens after them move to the front: so does the reference.
  @inline(__always)
  private static func place(
    _ parts: ArraySlice<WordPart>, on word: ArraySlice<AlignedScalar>,
    in found: inout [FoundToken]
  ) {
    var position = word.startIndex
    // Where the scalar at `position` begins, and where the next token does, in bytes.
    var scalarStart = 0
    var partStart = 0
    func advance(toScalarWith byte: Int) {
      while position < word.endIndex, scalarStart + word[position].value.byteCount <= byte {
        scalarStart += word[position].value.byteCount
        position += 1
      }
    }
    for part in parts {
      advance(toScalarWith: partStart)
      let start = position
      partStart += Int(part.length)
      advance(toScalarWith: partStart - 1)
      found.append(FoundToken(index: part.index, range: start..<min(position + 1, word.endIndex)))
    }
  }

  /// The tokens that merging begins with: one for each scalar, its bytes, or the unknown.
  private func appendSymbols(
    of word: ArraySlice<AlignedScalar>, to symbols: inout SymbolBuffer
  ) throws(ModelFailure) {
    symbols.removeAll()
    var unknown: WordPart?
    for (offset, scalar) in word.enumerated() {
      let byteCount = UInt32(scalar.value.byteCount)
      if let index = index(of: scalar.value, isFirst: offset == 0, isLast: offset == word.count - 1)
      {
        if let part = unknown { symbols.append(part) }
        unknown = nil
        symbols.append(WordPart(index: index, length: byteCount))
      } else if options.fallsBackToBytes, let indices = byteIndices(of: scalar.value) {
        // An unknown scalar before it stays behind: so does the reference.
        for index in indices { symbols.append(WordPart(index: index, length: 1)) }
      } else if let name = options.unknownToken {
        if options.fusesUnknown, let part = unknown {
          unknown = WordPart(index: part.index, length: part.length + byteCount)
        } else {
          if let part = unknown { symbols.append(part) }
          guard let unknownIndex else { throw .unknownTokenMissing(name) }
          unknown = WordPart(index: unknownIndex, length: byteCount)
        }
      }
    }
    if let part = unknown { symbols.append(part) }
  }

  private func index(of scalar: UInt32, isFirst: Bool, isLast: Bool) -> UInt32? {
    if scalar < singles.count { return singles[Int(scalar)] }
    var text = isFirst ? [] : options.continuingPrefix.scalarValues
    text.append(scalar)
    if isLast { text += options.endOfWordSuffix.scalarValues }
    return vocabulary.index(of: text)
  }

  private func byteIndices(of scalar: UInt32) -> [UInt32]? {
    guard let scalar = Unicode.Scalar(scalar) else { return nil }
    var indices: [UInt32] = []
    for byte in UTF8.encode(scalar) ?? .init() {
      guard let index = byteIndices[Int(byte)] else { return nil }
      indices.append(index)
    }
    return indices
  }
}
