internal import CheckpointBytes

/// Puts the tokenizer of a directory together, as its class does in Transformers 5.23 (`_from_pretrained` in
/// `tokenization_utils_base.py`, `tokenization_utils_tokenizers.py`, and the models' `tokenization_*.py`).
struct TokenizerAssembly {
  private let files: TokenizerDirectory
  private let owner: TokenizerClass
  private let document: TokenizerFile?
  private let source: VocabularySource

  init(_ files: TokenizerDirectory, _ owner: TokenizerClass) throws(CheckpointError) {
    self.files = files
    self.owner = owner
    document = try files.tokenizerFile()
    source = try VocabularySource(files, document, for: owner)
  }

  func tokenizer() throws(CheckpointError) -> Tokenizer {
    var setup = try files.setup(
      of: owner, document, listed: source.sentencePiece.map(\.addedTokens))
    var parts = try parts(setup.specialTokens)
    parts.truncation = try document?.truncation()
    parts.padding = try document?.padding()
    parts.take(try files.statedTokens(document))
    parts.mark(setup.specialTokens)
    setup.specialTokens.describe(by: parts.addedTokens.map(\.token))
    if let surroundings = owner.form.surroundings {
      // The special tokens' ids are known once they are added.
      var added = AddedVocabulary()
      added.add(parts.addedTokens.map(\.token), vocabulary: parts.model.vocabulary)
      added.add(setup.specialTokens, vocabulary: parts.model.vocabulary)
      parts.postProcessor = try postProcessor(surroundings, setup.specialTokens, added)
    }
    return try Tokenizer(parts, setup: setup, isBare: false, file: source.path)
  }

  private func parts(_ special: SpecialTokens) throws(CheckpointError) -> TokenizerParts {
    if let document, owner.form.keepsFile { return try document.parts() }
    switch owner.form {
    case .wordPiece(let form): return try wordPiece(form, special)
    case .bytePair(let form): return try bytePair(form, special)
    case .unigram(let form): return try unigram(form, special)
    case .file: throw source.missing(for: owner)
    }
  }

  private func flag(_ name: String, default fallback: Bool) throws(CheckpointError) -> Bool {
    try files.configuration?.optionalBoolean(name) ?? fallback
  }

  /// The text of a token that the class cannot do without.
  private func stated(
    _ role: SpecialTokens.Role, _ tokens: SpecialTokens
  ) throws(CheckpointError) -> String {
    guard let text = tokens[role] else { throw notStated(role) }
    return text
  }

  private func notStated(_ role: SpecialTokens.Role) -> CheckpointError {
    CheckpointError(
      .notFound, file: source.path, field: role.rawValue, "the token is not stated")
  }

  private func wordPiece(
    _ form: WordPieceForm, _ special: SpecialTokens
  ) throws(CheckpointError) -> TokenizerParts {
    var prefix = "##"
    if form.takesCleaning {
      prefix = try files.configuration?.optionalString("wordpieces_prefix") ?? prefix
    }
    return TokenizerParts(
      normalizer: .bert(
        BertNormalization(
          cleansText: form.takesCleaning ? try flag("clean_text", default: true) : true,
          separatesIdeographs: try flag("tokenize_chinese_chars", default: true),
          stripsAccents: try files.configuration?.optionalBoolean("strip_accents"),
          lowercases: form.takesCase ? try flag("do_lower_case", default: true) : true)),
      preTokenizer: .bert,
      model: .wordPiece(
        WordPieceModel(
          vocabulary: try source.wordPieces(), unknownToken: try stated(.unknown, special),
          continuingPrefix: "##", longestWord: 100)),
      decoder: .wordPiece(prefix: Array(prefix.utf8), cleansUp: true))
  }

  private func unigram(
    _ form: UnigramForm, _ special: SpecialTokens
  ) throws(CheckpointError) -> TokenizerParts {
    let pieces = try source.scoredPieces(form, special)
    var unknown: Int
    switch form.unknown {
    case .place(let place): unknown = place
    case .token:
      let text = ExactName(try stated(.unknown, special))
      unknown = pieces.vocabulary.texts.firstIndex { ExactName($0) == text } ?? 0
    }
    let metaspace = Metaspace(
      replacement: Metaspace.usualReplacement,
      prepending: try flag("add_prefix_space", default: true) ? .always : .never, splits: true)
    let model = try UnigramModel(pieces, unknown: unknown) { problem in
      CheckpointError(.inconsistent, file: source.path, field: "unk_token", problem)
    }
    return TokenizerParts(
      normalizer: try source.characterMap().map { .precompiled($0) },
      preTokenizer: .sequence([.whitespaceSplit, .metaspace(metaspace)]),
      model: .unigram(model), decoder: .metaspace(metaspace))
  }

  private func bytePair(
    _ form: BytePairForm, _ special: SpecialTokens
  ) throws(CheckpointError) -> TokenizerParts {
    let (vocabulary, merges) = try source.bytePairs()
    var options = BytePairModel.Options()
    switch form.words {
    case .bytes(let normalizer, let addsPrefixSpace):
      return TokenizerParts(
        normalizer: normalizer,
        preTokenizer: .byteLevel(
          addsPrefixSpace: try flag("add_prefix_space", default: addsPrefixSpace),
          usesPattern: true),
        model: .bytePair(
          BytePairModel(vocabulary: vocabulary, merges: merges, options: options)),
        decoder: .byteLevel)
    case .scalars(let normalization):
      options.unknownToken = try stated(.unknown, special)
      options.endOfWordSuffix = "</w>"
      return TokenizerParts(
        normalizer: .bert(normalization), preTokenizer: .bert,
        model: .bytePair(
          BytePairModel(vocabulary: vocabulary, merges: merges, options: options)),
        decoder: .bytePair(suffix: Array(options.endOfWordSuffix.utf8)))
    }
  }
}

extension TokenizerAssembly {
  private func postProcessor(
    _ surroundings: Surroundings, _ tokens: SpecialTokens, _ added: AddedVocabulary
  ) throws(CheckpointError) -> PostProcessor {
    func special(_ role: SpecialTokens.Role) throws(CheckpointError) -> PostProcessor.Special {
      let text = try stated(role, tokens)
      guard let id = added.id(of: text) else { throw notStated(role) }
      return PostProcessor.Special(text: text, id: id)
    }
    func pair() throws(CheckpointError) -> PostProcessor.SpecialPair {
      PostProcessor.SpecialPair(
        begin: try special(.classification), end: try special(.separator))
    }
    switch surroundings {
    case .bert(let firstTypeID):
      let (begin, end) = (try special(.classification), try special(.separator))
      let single: [Template.Piece] = [
        .special([begin], typeID: firstTypeID), .text(0, typeID: 0), .special([end], typeID: 0),
      ]
      return .template(
        Template(single: single, pair: single + [.text(1, typeID: 1), .special([end], typeID: 1)]))
    case .deberta:
      return .doubled(try special(.classification), try special(.separator))
    case .xlmRoberta: return .doubled(try special(.beginning), try special(.end))
    case .roberta:
      let trims = try flag("trim_offsets", default: true)
      let addsSpace = try flag("add_prefix_space", default: false)
      return .roberta(
        try pair(), trimming: trims ? OffsetTrimming(addsPrefixSpace: addsSpace) : nil)
    case .trimmedRoberta:
      return .roberta(try pair(), trimming: OffsetTrimming(addsPrefixSpace: false))
    case .herbert:
      var pair = try pair()
      pair.begin.id = 0
      pair.end.id = 2
      return .bert(pair)
    case .stated(let otherwise):
      let asks = document == nil && (files.configuration?.asksForBeginningOrEnd ?? false)
      if !asks, let processor = try document?.postProcessor() ?? otherwise { return processor }
      return try beginningAndEnd(tokens, special)
    case .beginningAndEnd: return try beginningAndEnd(tokens, special)
    }
  }

  /// `update_post_processor`. Beside `tokenizer.json` the flags do not count, and one without a token has no effect.
  private func beginningAndEnd(
    _ tokens: SpecialTokens,
    _ special: (SpecialTokens.Role) throws(CheckpointError) -> PostProcessor.Special
  ) throws(CheckpointError) -> PostProcessor {
    func asked(
      _ name: String, _ role: SpecialTokens.Role
    ) throws(CheckpointError) -> [PostProcessor.Special] {
      guard document == nil, try flag(name, default: false), tokens[role] != nil else { return [] }
      return [try special(role)]
    }
    let begin = try asked("add_bos_token", .beginning)
    let end = try asked("add_eos_token", .end)
    func around(_ text: Int) -> [Template.Piece] {
      [.special(begin, typeID: text), .text(text, typeID: text), .special(end, typeID: text)]
    }
    return .template(Template(single: around(0), pair: around(0) + around(1)))
  }
}

extension PostProcessor {
  /// `begin A end`, `begin A end end B end`, all of type 0.
  fileprivate static func doubled(_ begin: Special, _ end: Special) -> PostProcessor {
    let single: [Template.Piece] = [
      .special([begin], typeID: 0), .text(0, typeID: 0), .special([end], typeID: 0),
    ]
    return .template(
      Template(
        single: single,
        pair: single + [
          .special([end], typeID: 0), .text(1, typeID: 0), .special([end], typeID: 0),
        ]))
  }
}

extension Settings {
  /// True if it is said whether the tokens for beginning and end are put around texts.
  fileprivate var asksForBeginningOrEnd: Bool {
    names.contains("add_bos_token") || names.contains("add_eos_token")
  }
}

extension TokenizerClass.Form {
  fileprivate var surroundings: Surroundings? {
    switch self {
    case .file: nil
    case .wordPiece(let form): form.surroundings
    case .bytePair(let form): form.surroundings
    case .unigram(let form): form.surroundings
    }
  }

  /// True if the parts of `tokenizer.json` are the tokenizer's.
  fileprivate var keepsFile: Bool {
    switch self {
    case .file: true
    case .wordPiece(let form): form.keepsFile
    case .bytePair, .unigram: false
    }
  }
}
