internal import CheckpointBytes

/// Makes a tokenizer of vocabulary files, as the tokenizer classes of Transformers 5.23 put theirs together
/// (`tokenization_bert.py`, `tokenization_gpt2.py`, `tokenization_roberta.py`).
struct VocabularyFiles {
  private let files: TokenizerDirectory
  private let family: TokenizerFamily
  private let vocabularyName: String
  private var vocabularyPath: String { files.file(vocabularyName) }

  init(_ files: TokenizerDirectory, family: TokenizerFamily?) throws(CheckpointError) {
    self.files = files
    if try files.has("vocab.txt"), family == nil || family == .bert {
      self.family = .bert
      vocabularyName = "vocab.txt"
      return
    }
    guard try files.has("vocab.json"), try files.has(Self.mergesName), family != .bert else {
      throw CheckpointError(
        .notFound, file: files.path,
        "holds no tokenizer: expected tokenizer.json, vocab.txt, or vocab.json and merges.txt")
    }
    vocabularyName = "vocab.json"
    if let family {
      self.family = family
    } else {
      self.family = try Self.family(files.json(vocabularyName), files.file(vocabularyName))
    }
  }

  private static let mergesName = "merges.txt"

  /// Which family a vocabulary of byte pairs belongs to, by the special tokens in it.
  private static func family(
    _ vocabulary: JSONValue, _ path: String
  ) throws(CheckpointError) -> TokenizerFamily {
    let names = Set((vocabulary.members ?? []).map(\.key))
    if names.isSuperset(of: ["<s>", "</s>", "<pad>", "<mask>"]) { return .roberta }
    if names.contains("<|endoftext|>"), !names.contains("<s>") { return .gpt2 }
    throw CheckpointError(
      .unsupported, file: path, "neither a vocabulary of GPT-2 nor one of RoBERTa",
      remedy: "state the tokenizer_class in tokenizer_config.json")
  }

  func tokenizer() throws(CheckpointError) -> Tokenizer {
    var setup = try files.setup(fallback: family)
    var parts: TokenizerParts
    switch family {
    case .bert: parts = try bert(setup.specialTokens)
    case .gpt2, .roberta: parts = try bytePair()
    }
    parts.addedTokens = try files.statedTokens()
    parts.mark(setup.specialTokens)
    setup.specialTokens.describe(by: parts.addedTokens.map(\.token))
    // The special tokens' ids are known once they are added.
    var added = AddedVocabulary()
    added.add(parts.addedTokens.map(\.token), vocabulary: parts.model.vocabulary)
    added.add(setup.specialTokens, vocabulary: parts.model.vocabulary)
    parts.postProcessor = try postProcessor(setup.specialTokens, added)
    return try Tokenizer(parts, setup: setup, addsSpecialTokens: true, file: vocabularyPath)
  }

  private func flag(_ name: String, default fallback: Bool) throws(CheckpointError) -> Bool {
    try files.configuration?.optionalBoolean(name) ?? fallback
  }

  /// The text of a token that the family cannot do without.
  private func stated(
    _ role: SpecialTokens.Role, _ tokens: SpecialTokens
  ) throws(CheckpointError) -> String {
    guard let text = tokens[role] else { throw notStated(role) }
    return text
  }

  private func notStated(_ role: SpecialTokens.Role) -> CheckpointError {
    CheckpointError(
      .notFound, file: vocabularyPath, field: role.rawValue, "the token is not stated")
  }

  private func bert(_ special: SpecialTokens) throws(CheckpointError) -> TokenizerParts {
    TokenizerParts(
      normalizer: .bert(
        BertNormalization(
          cleansText: true,
          separatesIdeographs: try flag("tokenize_chinese_chars", default: true),
          stripsAccents: try files.configuration?.optionalBoolean("strip_accents"),
          lowercases: try flag("do_lower_case", default: true))),
      preTokenizer: .bert,
      model: .wordPiece(
        WordPieceModel(
          vocabulary: try lineVocabulary(), unknownToken: try stated(.unknown, special),
          continuingPrefix: "##", longestWord: 100)),
      decoder: .wordPiece(prefix: Array("##".utf8), cleansUp: true))
  }

  private func bytePair() throws(CheckpointError) -> TokenizerParts {
    let vocabulary = try jsonVocabulary()
    return TokenizerParts(
      preTokenizer: .byteLevel(
        addsPrefixSpace: try flag("add_prefix_space", default: false), usesPattern: true),
      model: .bytePair(
        BytePairModel(
          vocabulary: vocabulary, merges: try merges(of: vocabulary), options: .init())),
      decoder: .byteLevel)
  }

  private func postProcessor(
    _ tokens: SpecialTokens, _ added: AddedVocabulary
  ) throws(CheckpointError) -> PostProcessor {
    func special(_ role: SpecialTokens.Role) throws(CheckpointError) -> PostProcessor.Special {
      let text = try stated(role, tokens)
      guard let id = added.id(of: text) else { throw notStated(role) }
      return PostProcessor.Special(text: text, id: id)
    }
    switch family {
    case .bert:
      let begin = try special(.classification)
      let end = try special(.separator)
      let single: [Template.Piece] = [
        .special([begin], typeID: 0), .text(0, typeID: 0), .special([end], typeID: 0),
      ]
      return .template(
        Template(single: single, pair: single + [.text(1, typeID: 1), .special([end], typeID: 1)]))
    case .roberta:
      let trims = try flag("trim_offsets", default: true)
      let addsSpace = try flag("add_prefix_space", default: false)
      return .roberta(
        PostProcessor.SpecialPair(
          begin: try special(.classification), end: try special(.separator)),
        trimming: trims ? OffsetTrimming(addsPrefixSpace: addsSpace) : nil)
    case .gpt2:
      let begin = try flag("add_bos_token", default: false) ? [try special(.beginning)] : []
      let end = try flag("add_eos_token", default: false) ? [try special(.end)] : []
      func around(_ text: Int) -> [Template.Piece] {
        [
          .special(begin, typeID: text), .text(text, typeID: text), .special(end, typeID: text),
        ]
      }
      return .template(Template(single: around(0), pair: around(0) + around(1)))
    }
  }
}

extension VocabularyFiles {
  /// A token on each line, its id the number of the line. White space at the end of a line does not belong to the token. Of
  /// equal lines the last one counts; the ids of the others have no token (`WordPiece::read_file`).
  private func lineVocabulary() throws(CheckpointError) -> Vocabulary {
    var tokens: [ExactName] = []
    var lastLine: [ExactName: Int] = [:]
    for (line, text) in try lines(of: vocabularyName).enumerated() {
      let scalars = text.unicodeScalars
      let end = scalars.lastIndex { !ScalarClasses.of($0.value).contains(.whitespace) }
      let token = ExactName(end.map { String(scalars[...$0]) } ?? "")
      tokens.append(token)
      lastLine[token] = line
    }
    var vocabulary = Vocabulary()
    for (line, token) in tokens.enumerated() where lastLine[token] == line {
      do throws(Vocabulary.Conflict) {
        try vocabulary.add(token.string, id: UInt32(truncatingIfNeeded: line))
      } catch {
        throw CheckpointError(
          .inconsistent, file: vocabularyPath, field: "line \(line + 1)",
          error.problem(with: token.string, id: UInt32(truncatingIfNeeded: line)))
      }
    }
    return vocabulary
  }

  private func jsonVocabulary() throws(CheckpointError) -> Vocabulary {
    let value = try files.json(vocabularyName)
    guard let members = value.members else {
      throw CheckpointError(
        .malformed, file: vocabularyPath, "expected an object, found \(value.kindName)")
    }
    return try Vocabulary(members) { problem, kind in
      CheckpointError(kind, file: vocabularyPath, problem)
    }
  }

  private func merges(
    of vocabulary: Vocabulary
  ) throws(CheckpointError) -> PairTable<BytePairModel.Merge> {
    let mergesPath = files.file(Self.mergesName)
    var table = MergeTable(vocabulary: vocabulary, continuingPrefix: "")
    for (line, text) in try lines(of: Self.mergesName).enumerated()
    where !text.utf8.starts(with: "#version".utf8) {
      let parts = MergeTable.parts(of: text)
      guard parts.count == 2 else {
        throw CheckpointError(
          .malformed, file: mergesPath, field: "line \(line + 1)",
          "expected two tokens and a space between, found \(quoted(text))")
      }
      do throws(MergeTable.UnknownToken) {
        try table.add(parts[0], parts[1])
      } catch {
        throw CheckpointError(
          .inconsistent, file: mergesPath, field: "line \(line + 1)",
          "\(quoted(error.text)) is not in the vocabulary")
      }
    }
    return table.table
  }

  /// The lines of a text file, without what ends them.
  private func lines(of name: String) throws(CheckpointError) -> [String] {
    let path = files.file(name)
    let bytes = try files.bytes(name)
    var lines: [String] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
      var line = rest[..<end]
      if end < rest.endIndex, line.last == 0x0D { line = line.dropLast() }
      guard let text = String(validating: line, as: UTF8.self) else {
        throw CheckpointError(
          .malformed, file: path, offset: rest.startIndex, field: "line \(lines.count + 1)",
          "is not UTF-8")
      }
      lines.append(text)
      rest = end < rest.endIndex ? rest[(end + 1)...] : []
    }
    return lines
  }
}
