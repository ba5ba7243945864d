internal import CheckpointBytes

extension Model {
  /// Reads the member `model`. Old files leave its type out; then its members tell.
  init(_ settings: Settings) throws(CheckpointError) {
    let type = try settings.optionalString("type") ?? Self.typeByMembers(of: settings)
    switch type {
    case "BPE": self = .bytePair(try BytePairModel(settings))
    case "Unigram": self = .unigram(try UnigramModel(settings))
    case "WordPiece":
      try settings.allowOnly([
        "type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab",
      ])
      self = .wordPiece(
        WordPieceModel(
          vocabulary: try Vocabulary(settings),
          unknownToken: try settings.string("unk_token"),
          continuingPrefix: try settings.string("continuing_subword_prefix"),
          longestWord: try settings.count("max_input_chars_per_word")))
    case "WordLevel":
      try settings.allowOnly(["type", "unk_token", "vocab"])
      self = .wordLevel(
        WordLevelModel(
          vocabulary: try Vocabulary(settings), unknownToken: try settings.string("unk_token")))
    case let type?:
      throw settings.error(
        .unsupported, "type",
        "the model \(quoted(type)) is not supported, expected WordPiece, BPE, WordLevel or Unigram")
    case nil: throw settings.error(.unsupported, "type", "is missing")
    }
  }

  private static func typeByMembers(of settings: Settings) -> String? {
    if settings.value("merges") != nil { return "BPE" }
    if settings.value("max_input_chars_per_word") != nil { return "WordPiece" }
    if settings.value("vocab")?.elements != nil { return "Unigram" }
    return settings.value("unk_token") == nil ? nil : "WordLevel"
  }
}

extension UnigramModel {
  /// Reads the member `model`.
  fileprivate convenience init(_ settings: Settings) throws(CheckpointError) {
    try settings.allowOnly(["type", "unk_id", "vocab", "byte_fallback"])
    let pieces = try ScoredPieces(settings) { ScoreText.double($0.text) }
    try self.init(
      pieces, unknown: try settings.optionalCount("unk_id"),
      fallsBackToBytes: try settings.boolean("byte_fallback", default: false)
    ) { (problem) in settings.error(.inconsistent, "unk_id", problem) }
  }

  /// A model of pieces; `describe` makes an error of what is wrong with the place of the unknown one.
  convenience init(
    _ pieces: ScoredPieces, unknown: Int?, fallsBackToBytes: Bool = false,
    describe: (_ problem: String) -> CheckpointError
  ) throws(CheckpointError) {
    if let unknown, unknown >= pieces.scores.count {
      throw describe("is \(unknown), the vocabulary has \(pieces.scores.count) tokens")
    }
    self.init(
      vocabulary: pieces.vocabulary, scores: pieces.scores,
      unknownIndex: unknown.map { UInt32(truncatingIfNeeded: $0) },
      fallsBackToBytes: fallsBackToBytes)
  }
}

/// Tokens with their scores; their ids are their places.
struct ScoredPieces: Sendable {
  private(set) var vocabulary = Vocabulary()
  private(set) var scores: [Double] = []

  /// Adds the next piece.
  mutating func append(_ text: String, _ score: Double) throws(Vocabulary.Conflict) {
    try vocabulary.append(text)
    scores.append(score)
  }
}

extension ScoredPieces {
  /// Reads the member `vocab` of a model: a list of tokens, each with its score, which `number` makes of its text.
  init(
    _ settings: Settings, number: (JSONNumber) -> Double
  ) throws(CheckpointError) {
    self.init()
    for (place, element) in try settings.elements("vocab").enumerated() {
      guard let pair = element.elements, pair.count == 2, let text = pair[0].string,
        case .number(let stated) = pair[1]
      else {
        throw settings.error(.malformed, "vocab[\(place)]", "expected a token and its score")
      }
      let score = number(stated)
      guard score.isFinite else {
        throw settings.error(.malformed, "vocab[\(place)]", "the score is not finite")
      }
      do throws(Vocabulary.Conflict) {
        try append(text, score)
      } catch {
        throw settings.error(
          .limitExceeded, "vocab", error.problem(with: text, id: UInt32(truncatingIfNeeded: place)))
      }
    }
  }
}

extension Vocabulary {
  /// Reads the member `vocab`: an object from token to id.
  init(_ settings: Settings) throws(CheckpointError) {
    guard let value = settings.value("vocab") else {
      throw settings.error(.malformed, "vocab", "is missing")
    }
    guard let members = value.members else {
      throw settings.error(.malformed, "vocab", "expected an object, found \(value.kindName)")
    }
    try self.init(members) { (problem, kind) in settings.error(kind, "vocab", problem) }
  }

  /// Takes tokens and ids from an object; `describe` makes an error of what is wrong.
  init(
    _ members: [JSONValue.Member],
    describe: (_ problem: String, _ kind: FailureKind) -> CheckpointError
  ) throws(CheckpointError) {
    self.init(expecting: members.count)
    for member in members {
      guard let id = Settings.id(member.value) else {
        throw describe(
          "\(quoted(member.key.string)) has no id below 2^32, but \(member.value.kindName)",
          .malformed)
      }
      do throws(Conflict) {
        try add(member.key.string, id: id)
      } catch {
        throw describe(error.problem(with: member.key.string, id: id), .inconsistent)
      }
    }
  }
}

extension Vocabulary.Conflict {
  /// The conflict in words.
  func problem(with token: String, id: UInt32) -> String {
    switch self {
    case .repeatedText: "the token \(quoted(token)) occurs twice"
    case .repeatedID(let other):
      "the tokens \(quoted(other)) and \(quoted(token)) have the id \(id)"
    case .tooMany: "more than \(Int32.max) tokens"
    case .tooLong:
      "the token \(quoted(token)) has \(token.utf8.count) bytes, at most \(Vocabulary.longestToken) are allowed"
    }
  }
}

extension BytePairModel {
  fileprivate convenience init(_ settings: Settings) throws(CheckpointError) {
    try settings.allowOnly([
      "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
      "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges",
    ])
    if let dropout = settings.value("dropout"), dropout.number != 0 {
      throw settings.error(
        .unsupported, "dropout", "merges dropped at random are not supported, expected null")
    }
    var own = Options()
    own.unknownToken = try settings.optionalString("unk_token")
    own.continuingPrefix = try settings.optionalString("continuing_subword_prefix") ?? ""
    own.endOfWordSuffix = try settings.optionalString("end_of_word_suffix") ?? ""
    own.fusesUnknown = try settings.boolean("fuse_unk", default: false)
    own.fallsBackToBytes = try settings.boolean("byte_fallback", default: false)
    own.ignoresMerges = try settings.boolean("ignore_merges", default: false)
    if own.fallsBackToBytes, !own.continuingPrefix.isEmpty || !own.endOfWordSuffix.isEmpty {
      throw settings.error(
        .unsupported, "byte_fallback", "is not supported with a prefix or suffix of subwords")
    }
    let vocabulary = try Vocabulary(settings)
    let merges = try MergeTable(settings, vocabulary, own.continuingPrefix)
    self.init(vocabulary: vocabulary, merges: merges.table, options: own)
  }
}

/// Merges being collected, in their order.
struct MergeTable {
  /// A merge names or makes a token that the vocabulary does not have.
  struct UnknownToken: Error {
    var text: String
  }

  /// The merges so far.
  private(set) var table: PairTable<BytePairModel.Merge>
  private var rank: UInt32 = 0
  private let vocabulary: Vocabulary
  private let prefixByteCount: Int
  /// What a merge makes, one after the other.
  private var joined: [UInt8] = []

  /// A table without merges, of which about so many are to come.
  init(vocabulary: Vocabulary, continuingPrefix: String, expecting count: Int = 0) {
    table = PairTable(
      filler: BytePairModel.Merge(rank: 0, result: 0), minimumCapacity: count)
    self.vocabulary = vocabulary
    prefixByteCount = continuingPrefix.utf8.count
  }

  /// Reads the member `merges` of a model.
  init(
    _ settings: Settings, _ vocabulary: Vocabulary, _ continuingPrefix: String
  ) throws(CheckpointError) {
    let elements = try settings.elements("merges")
    self.init(
      vocabulary: vocabulary, continuingPrefix: continuingPrefix, expecting: elements.count)
    for (index, element) in elements.enumerated() {
      if let line = element.string, line.utf8.starts(with: "#version".utf8) { continue }
      let isMerge: Bool
      do throws(MergeTable.UnknownToken) {
        isMerge = try add(element)
      } catch {
        throw settings.error(
          .inconsistent, "merges[\(index)]", "\(quoted(error.text)) is not in the vocabulary")
      }
      guard isMerge else {
        throw settings.error(.malformed, "merges[\(index)]", "expected two tokens")
      }
    }
  }

  /// Adds the merge that an element of `merges` names, as a line or as a list; false if it names none.
  private mutating func add(_ element: JSONValue) throws(UnknownToken) -> Bool {
    if let line = element.string { return try add(line: line.utf8Span.span) }
    guard let tokens = element.elements, tokens.count == 2, let first = tokens[0].string,
      let second = tokens[1].string
    else { return false }
    try add(first.utf8Span.span, second.utf8Span.span)
    return true
  }

  /// Adds the merge of a line of UTF-8, two tokens with a space between; false if there are not two.
  mutating func add(line: Span<UInt8>) throws(UnknownToken) -> Bool {
    var space: Int?
    for place in line.indices where line[place] == 0x20 {
      guard space == nil else { return false }
      space = place
    }
    guard let space else { return false }
    try add(line.extracting(..<space), line.extracting((space + 1)...))
    return true
  }

  /// Adds the next merge, of two tokens in UTF-8. Of a pair that comes twice the last one counts, as in the reference.
  private mutating func add(
    _ first: Span<UInt8>, _ second: Span<UInt8>
  ) throws(UnknownToken) {
    guard let firstIndex = vocabulary.index(ofUTF8: first) else {
      throw UnknownToken(text: Self.text(first))
    }
    guard let secondIndex = vocabulary.index(ofUTF8: second) else {
      throw UnknownToken(text: Self.text(second))
    }
    // The second token goes on without the prefix that says so. The reference takes as many bytes away, whichever they are.
    joined.removeAll(keepingCapacity: true)
    for place in first.indices { joined.append(first[place]) }
    for place in second.indices where place >= prefixByteCount { joined.append(second[place]) }
    guard second.count >= prefixByteCount, let result = vocabulary.index(ofUTF8: joined.span) else {
      let made = second.count >= prefixByteCount ? String(utf8: joined[...]) : nil
      throw UnknownToken(text: made ?? Self.text(first) + Self.text(second))
    }
    table.set(firstIndex, secondIndex, BytePairModel.Merge(rank: rank, result: result))
    rank += 1
  }

  private static func text(_ utf8: Span<UInt8>) -> String {
    String(decoding: utf8.indices.map { utf8[$0] }, as: UTF8.self)
  }
}
