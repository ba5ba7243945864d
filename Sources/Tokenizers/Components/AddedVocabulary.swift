internal import CheckpointBytes

/// The added tokens, and how they are found.
struct AddedVocabulary: Sendable {
  private struct Entry: Sendable {
    var id: UInt32
    var token: AddedToken
    /// What decoding writes: the normalized content, for tokens that are looked for in normalized text.
    var decoded: String
    /// True if the token has been normalized in any of its additions; that is what the reference's table of texts keeps.
    var wasNormalized: Bool
  }

  private var entries: [Entry] = []
  private var placeOfContent: [ExactName: Int] = [:]
  private var placeOfID: [UInt32: Int] = [:]
  private var specialContents: Set<ExactName> = []
  /// Tokens looked for in the text as it is, and in the normalized text; the values are places in `entries`.
  private var plainTrie = ScalarTrie()
  private var normalizedTrie = ScalarTrie()

  /// A token for which the reference has no certain meaning, and why.
  struct Conflict: Error {
    var content: String
    var problem: String
  }

  /// The added tokens by ascending id.
  var tokens: [(id: UInt32, token: AddedToken)] {
    entries.map { ($0.id, $0.token) }.sorted { $0.0 < $1.0 }
  }

  /// The id of an added token.
  func id(of content: String) -> UInt32? {
    placeOfContent[ExactName(content)].map { entries[$0].id }
  }

  /// The token with this id.
  func token(withID id: UInt32) -> AddedToken? {
    placeOfID[id].map { entries[$0].token }
  }

  /// The text that decoding writes for an id.
  func decodedText(ofID id: UInt32) -> String? {
    placeOfID[id].map { entries[$0].decoded }
  }

  /// True if decoding leaves this text out, when it leaves out special tokens.
  func isSpecial(_ text: String) -> Bool {
    specialContents.contains(ExactName(text))
  }

  /// How many added tokens are not among the model's.
  func count(notIn vocabulary: Vocabulary) -> Int {
    entries.count { vocabulary.index(of: $0.token.content) == nil }
  }

  /// Adds tokens. One that the model knows keeps the model's id; others get ids from the size of the vocabulary on. A token
  /// that is there already takes the new properties.
  mutating func add(_ tokens: [AddedToken], vocabulary: Vocabulary) {
    let size = UInt32(truncatingIfNeeded: vocabulary.count)
    var next = placeOfID.keys.max().map { $0 >= size || size == 0 ? $0 &+ 1 : size } ?? size
    for token in tokens where !token.content.isEmpty {
      let name = ExactName(token.content)
      if token.isSpecial { specialContents.insert(name) }
      if let place = placeOfContent[name] {
        entries[place].token = token
        entries[place].wasNormalized = entries[place].wasNormalized || token.isNormalized
        continue
      }
      let known = vocabulary.index(of: token.content).map { vocabulary.ids[Int($0)] }
      let id = known ?? next
      if known == nil { next &+= 1 }
      placeOfContent[name] = entries.count
      placeOfID[id] = entries.count
      entries.append(
        Entry(
          id: id, token: token, decoded: token.content, wasNormalized: token.isNormalized))
    }
  }

  /// Adds the special tokens that are not there yet.
  mutating func add(_ special: SpecialTokens, vocabulary: Vocabulary) {
    add(special.all.filter { id(of: $0.content) == nil }, vocabulary: vocabulary)
  }

  /// Makes the tokens ready to be found; to be called after the last addition.
  mutating func prepare(normalizer: Normalizer?) throws(Conflict) {
    plainTrie = ScalarTrie()
    normalizedTrie = ScalarTrie()
    var (length, formLength) = (0, 0)
    for (place, entry) in entries.enumerated() {
      let content = entry.token.content
      guard placeOfID[entry.id] == place else {
        throw Conflict(
          content: content, problem: "has the id \(entry.id), and so has another added token")
      }
      guard content.utf8.count <= Vocabulary.longestToken else {
        throw Conflict(
          content: content, problem: "has more than \(Vocabulary.longestToken) bytes")
      }
      let inserted: Bool
      var form = content
      if entry.wasNormalized {
        let scalars: [AlignedScalar] = Array(content)
        let rewritten = normalizer?.normalized(scalars) ?? scalars
        (length, formLength) = (length + scalars.count, formLength + rewritten.count)
        guard rewritten.count <= Normalizer.room(for: scalars.count),
          formLength <= Normalizer.room(for: length)
        else {
          throw Conflict(content: content, problem: "becomes too long when it is normalized")
        }
        form = rewritten.text
        entries[place].decoded = form
      }
      if entry.token.isNormalized {
        inserted = normalizedTrie.insert(form.scalarValues, UInt32(place)) && !form.isEmpty
      } else {
        inserted = plainTrie.insert(content.scalarValues, UInt32(place))
      }
      guard inserted else {
        throw Conflict(
          content: content,
          problem: "is, normalized, empty or the same as another added token")
      }
    }
  }

  /// True if no token has to be looked for in normalized text.
  var hasNoNormalized: Bool { normalizedTrie.isEmpty }

  /// Cuts out the tokens that are looked for in normalized text.
  func extractNormalized(from text: inout PieceText, splitsSpecial: Bool) {
    guard !normalizedTrie.isEmpty else { return }
    text.split { source, pieces in
      find(normalizedTrie, in: source, source.indices, splitsSpecial: splitsSpecial) {
        pieces.append($0, addedToken: $1)
      }
    }
  }

  /// Covers a text with the tokens that are looked for in it as it stands, and what lies between. Where text is not
  /// normalized, those that are looked for in normalized text are looked for in what is left.
  func parts(
    of text: TextBytes, isNormalized: Bool, splitsSpecial: Bool, into parts: inout [TextPart]
  ) {
    parts.removeAll(keepingCapacity: true)
    guard text.count > 0 else { return }
    parts.append(TextPart(range: 0..<text.count))
    cut(&parts, of: text, at: plainTrie, splitsSpecial: splitsSpecial)
    if isNormalized { cut(&parts, of: text, at: normalizedTrie, splitsSpecial: splitsSpecial) }
  }

  private func cut(
    _ parts: inout [TextPart], of text: TextBytes, at trie: ScalarTrie, splitsSpecial: Bool
  ) {
    guard !trie.isEmpty, text.position(ofAny: trie.firstBytes, from: 0) < text.count else { return }
    var result: [TextPart] = []
    for part in parts {
      guard part.addedToken == nil else {
        result.append(part)
        continue
      }
      find(trie, in: text, part.range, splitsSpecial: splitsSpecial) {
        result.append(TextPart(range: $0, addedToken: $1))
      }
    }
    parts = result
  }

  /// Covers a text with the tokens found in it, leftmost longest, and what lies between.
  private func find(
    _ trie: ScalarTrie, in text: some ScalarText, _ bounds: Range<Int>, splitsSpecial: Bool,
    _ append: (Range<Int>, UInt32?) -> Void
  ) {
    var done = bounds.lowerBound
    var position = bounds.lowerBound
    while true {
      position = text.position(ofAny: trie.firstBytes, from: position)
      guard position < bounds.upperBound else { break }
      guard trie.mayBegin(with: text.scalar(at: position)),
        let match = trie.longestMatch(
          in: text, from: position, to: bounds.upperBound, at: ScalarTrie.root)
      else {
        position = text.position(after: position)
        continue
      }
      var range = position..<match.end
      // What is found and refused below is passed over all the same.
      position = match.end
      let entry = entries[Int(match.index)]
      if splitsSpecial, isSpecial(entry.token.content) { continue }
      if entry.token.isSingleWord, !Self.standsAlone(range, in: text, bounds) { continue }
      if entry.token.stripsLeft {
        var lower = range.lowerBound
        while lower > done, Self.isSpace(text.scalar(at: text.position(before: lower))) {
          lower = text.position(before: lower)
        }
        // The token before may have taken this one along as white space.
        lower = max(lower, done)
        guard lower < range.upperBound else { continue }
        range = lower..<range.upperBound
      }
      if entry.token.stripsRight {
        var upper = range.upperBound
        while upper < bounds.upperBound, Self.isSpace(text.scalar(at: upper)) {
          upper = text.position(after: upper)
        }
        range = range.lowerBound..<upper
      }
      if done < range.lowerBound { append(done..<range.lowerBound, nil) }
      if !range.isEmpty { append(range, entry.id) }
      done = range.upperBound
    }
    if done < bounds.upperBound { append(done..<bounds.upperBound, nil) }
  }

  private static func standsAlone(
    _ range: Range<Int>, in text: some ScalarText, _ bounds: Range<Int>
  ) -> Bool {
    func isWord(_ position: Int) -> Bool {
      ScalarClasses.of(text.scalar(at: position)).contains(.word)
    }
    return
      (range.lowerBound == bounds.lowerBound
      || !isWord(text.position(before: range.lowerBound)))
      && (range.upperBound == bounds.upperBound || !isWord(range.upperBound))
  }

  private static func isSpace(_ scalar: UInt32) -> Bool {
    ScalarClasses.of(scalar).contains(.whitespace)
  }
}

/// A part of a text in bytes, and its added token's id if it is one.
struct TextPart: Sendable {
  var range: Range<Int>
  var addedToken: UInt32?
}
