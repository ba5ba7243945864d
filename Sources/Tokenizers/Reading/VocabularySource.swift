internal import CheckpointBytes

/// Where a class has its vocabulary from: `tokenizer.json`, or else the vocabulary files.
struct VocabularySource {
  let files: TokenizerDirectory
  /// The content of `tokenizer.json`.
  let document: TokenizerFile?
  /// The path of the file that holds the vocabulary.
  let path: String
  /// The content of `sentencepiece.bpe.model`, for a class that has its vocabulary from it.
  let sentencePiece: SentencePieceModel?

  static let linesName = "vocab.txt"
  static let objectName = "vocab.json"
  static let mergesName = "merges.txt"
  static let sentencePieceName = "sentencepiece.bpe.model"

  /// Looks for the files.
  ///
  /// - Throws: `notFound`, naming the class, if they are not there.
  init(
    _ files: TokenizerDirectory, _ document: TokenizerFile?, for owner: TokenizerClass
  ) throws(CheckpointError) {
    self.files = files
    self.document = document
    let names = Self.names(for: owner)
    path = files.file(document == nil ? names.first ?? TokenizerFile.name : TokenizerFile.name)
    guard document == nil else {
      sentencePiece = nil
      return
    }
    guard !names.isEmpty else { throw Self.missing(for: owner, in: files) }
    for name in names where try !files.has(name) { throw Self.missing(for: owner, in: files) }
    if case .unigram(let form) = owner.form {
      sentencePiece = try Self.sentencePiece(in: files, form)
    } else {
      sentencePiece = nil
    }
  }

  private static func sentencePiece(
    in files: TokenizerDirectory, _ form: UnigramForm
  ) throws(CheckpointError) -> SentencePieceModel {
    let path = files.file(sentencePieceName)
    let bytes = try files.bytes(sentencePieceName)
    let model = try locating(file: path) { () throws(ParseFailure) in
      try SentencePieceModel(bytes)
    }
    guard !form.asksForUnigram || model.kind == SentencePieceModel.unigram else {
      throw CheckpointError(
        .unsupported, file: path, field: "model_type",
        "the model is no Unigram, but of type \(model.kind)")
    }
    return model
  }

  private static func names(for owner: TokenizerClass) -> [String] {
    switch owner.form {
    case .file: []
    case .wordPiece: [linesName]
    case .bytePair: [objectName, mergesName]
    case .unigram: [sentencePieceName]
    }
  }

  /// The error for a directory without the files that a class needs.
  func missing(for owner: TokenizerClass) -> CheckpointError {
    Self.missing(for: owner, in: files)
  }

  private static func missing(
    for owner: TokenizerClass, in files: TokenizerDirectory
  ) -> CheckpointError {
    let names = names(for: owner).joined(separator: " and ")
    return CheckpointError(
      .notFound, file: files.path,
      "holds no vocabulary for \(owner.name): expected \(TokenizerFile.name)"
        + (names.isEmpty ? "" : ", or " + names))
  }

  /// The class of vocabulary files that nothing states a class for: BERT's for lines, and for byte pairs the one whose
  /// special tokens are there.
  static func usualClass(
    of files: TokenizerDirectory
  ) throws(CheckpointError) -> TokenizerClass {
    if try files.has(TokenizerFile.name) { return .file }
    if try files.has(linesName) { return .bert }
    if try files.has(sentencePieceName) {
      throw CheckpointError(
        .unsupported, file: files.file(sentencePieceName),
        "the vocabulary does not tell the class of the tokenizer",
        remedy: "state the tokenizer_class in tokenizer_config.json")
    }
    guard try files.has(objectName), try files.has(mergesName) else {
      throw CheckpointError(
        .notFound, file: files.path,
        "holds no tokenizer: expected tokenizer.json, vocab.txt, \(sentencePieceName), or vocab.json and merges.txt"
      )
    }
    let names = Set((try files.json(objectName).members ?? []).map(\.key))
    if names.isSuperset(of: ["<s>", "</s>", "<pad>", "<mask>"]) { return .roberta }
    if names.contains("<|endoftext|>"), !names.contains("<s>") { return .gpt2 }
    throw CheckpointError(
      .unsupported, file: files.file(objectName),
      "neither a vocabulary of GPT-2 nor one of RoBERTa",
      remedy: "state the tokenizer_class in tokenizer_config.json")
  }
}

extension VocabularySource {
  /// The tokens for WordPiece.
  func wordPieces() throws(CheckpointError) -> Vocabulary {
    guard let document else { return try lineVocabulary() }
    return try Vocabulary(try Self.known(try document.model()))
  }

  /// A model whose vocabulary has an id for each token.
  private static func known(_ model: Settings) throws(CheckpointError) -> Settings {
    guard let type = try model.optionalString("type"), !["WordPiece", "BPE"].contains(type) else {
      return model
    }
    throw model.error(
      .unsupported, "type",
      "the model \(quoted(type)) is not supported, expected WordPiece or BPE")
  }

  /// The tokens and merges for byte-pair encoding. A `tokenizer.json` of another model has no merges.
  func bytePairs() throws(CheckpointError) -> (
    vocabulary: Vocabulary, merges: PairTable<BytePairModel.Merge>
  ) {
    guard let model = try document?.model() else {
      let vocabulary = try objectVocabulary()
      return (vocabulary, try mergeLines(of: vocabulary))
    }
    let vocabulary = try Vocabulary(try Self.known(model))
    let hasMerges = model.value("merges") != nil
    let table = MergeTable(vocabulary: vocabulary, continuingPrefix: "")
    return (vocabulary, hasMerges ? try MergeTable(model, vocabulary, "").table : table.table)
  }

  /// The tokens for Unigram.
  func scoredPieces(
    _ form: UnigramForm, _ special: SpecialTokens
  ) throws(CheckpointError) -> ScoredPieces {
    guard let document else { return try sentencePieces(form, special) }
    let model = try document.model()
    if let type = try model.optionalString("type"), type != "Unigram" {
      throw model.error(
        .unsupported, "type", "the model \(quoted(type)) has no scores, expected Unigram")
    }
    return try ScoredPieces(model) { $0.double }
  }

  /// The pieces of the SentencePiece model, and what the class puts around them (`convert_from_spm`,
  /// convert_slow_tokenizer.py).
  private func sentencePieces(
    _ form: UnigramForm, _ special: SpecialTokens
  ) throws(CheckpointError) -> ScoredPieces {
    var result = ScoredPieces()
    func append(_ text: String, _ score: Double) throws(CheckpointError) {
      guard score.isFinite else {
        throw CheckpointError(
          .malformed, file: path, field: "pieces", "the score of \(quoted(text)) is not finite")
      }
      do throws(Vocabulary.Conflict) {
        try result.append(text, score)
      } catch {
        throw CheckpointError(
          .limitExceeded, file: path, field: "pieces", error.problem(with: text, id: 0))
      }
    }
    func token(_ role: SpecialTokens.Role) throws(CheckpointError) -> String {
      guard let text = special[role] else {
        throw CheckpointError(
          .notFound, file: path, field: role.rawValue, "the token is not stated")
      }
      return text
    }
    for piece in form.firstPieces {
      switch piece {
      case .role(let role): try append(try token(role), 0)
      case .text(let text, let score): try append(text, score)
      }
    }
    for piece in (sentencePiece?.pieces ?? []).dropFirst(form.droppedPieceCount) {
      try append(piece.text, Double(piece.score))
    }
    try append(try token(.mask), 0)
    return result
  }

  /// What Unigram's text is rewritten by.
  func characterMap() throws(CheckpointError) -> CharacterMap? {
    if let document { return try document.characterMap() }
    guard let sentencePiece, !sentencePiece.characterMap.isEmpty else { return nil }
    do throws(ParseFailure) {
      return try CharacterMap(sentencePiece.characterMap)
    } catch {
      throw CheckpointError(
        error.kind, file: path, field: "precompiled_charsmap", "\(error.field) \(error.problem)")
    }
  }

  /// A token on each line, its id the number of the line. White space at the end of a line does not belong to the token. Of
  /// equal lines the last one counts; the ids of the others have no token (`WordPiece::read_file`).
  private func lineVocabulary() throws(CheckpointError) -> Vocabulary {
    let (bytes, lines) = try lines(of: Self.linesName)
    let tokens = lines.map { line in
      let scalars = String(decoding: bytes[line], as: UTF8.self).unicodeScalars
      let end = scalars.lastIndex { !ScalarClasses.of($0.value).contains(.whitespace) }
      return end.map { String(scalars[...$0]) } ?? ""
    }
    var isLast = [Bool](repeating: false, count: tokens.count)
    var found = TextTable(expecting: tokens.count)
    for (line, token) in tokens.enumerated().reversed() {
      let number = UInt32(truncatingIfNeeded: line)
      isLast[line] = found.insert(token.utf8Span.span, number) { tokens[Int($0)] } == nil
    }
    var vocabulary = Vocabulary(expecting: tokens.count)
    for (line, token) in tokens.enumerated() where isLast[line] {
      let id = UInt32(truncatingIfNeeded: line)
      do throws(Vocabulary.Conflict) {
        try vocabulary.add(token, id: id)
      } catch {
        throw CheckpointError(
          .inconsistent, file: path, field: "line \(line + 1)", error.problem(with: token, id: id))
      }
    }
    return vocabulary
  }

  private func objectVocabulary() throws(CheckpointError) -> Vocabulary {
    let value = try files.json(Self.objectName)
    guard let members = value.members else {
      throw CheckpointError(
        .malformed, file: path, "expected an object, found \(value.kindName)")
    }
    return try Vocabulary(members) { problem, kind in
      CheckpointError(kind, file: path, problem)
    }
  }

  private func mergeLines(
    of vocabulary: Vocabulary
  ) throws(CheckpointError) -> PairTable<BytePairModel.Merge> {
    let mergesPath = files.file(Self.mergesName)
    let (bytes, lines) = try lines(of: Self.mergesName)
    var table = MergeTable(
      vocabulary: vocabulary, continuingPrefix: "", expecting: lines.count)
    for (line, range) in lines.enumerated() where !bytes[range].starts(with: "#version".utf8) {
      let isMerge: Bool
      do throws(MergeTable.UnknownToken) {
        isMerge = try table.add(line: bytes.span.extracting(range))
      } catch {
        throw CheckpointError(
          .inconsistent, file: mergesPath, field: "line \(line + 1)",
          "\(quoted(error.text)) is not in the vocabulary")
      }
      guard isMerge else {
        throw CheckpointError(
          .malformed, file: mergesPath, field: "line \(line + 1)",
          "expected two tokens and a space between, found "
            + quoted(String(decoding: bytes[range], as: UTF8.self)))
      }
    }
    return table.table
  }

  /// The bytes of a text file, which are UTF-8, and where its lines are in them, without what ends them.
  private func lines(
    of name: String
  ) throws(CheckpointError) -> (bytes: [UInt8], lines: [Range<Int>]) {
    let bytes = try files.bytes(name)
    var lines: [Range<Int>] = []
    var start = 0
    for place in bytes.indices where bytes[place] == 0x0A {
      let hasReturn = place > start && bytes[place - 1] == 0x0D
      lines.append(start..<(hasReturn ? place - 1 : place))
      start = place + 1
    }
    if start < bytes.count { lines.append(start..<bytes.count) }
    // One look at the whole of it: text that ends with its line is UTF-8 if its lines are.
    if String(utf8: bytes[...]) == nil,
      let line = lines.firstIndex(where: { String(utf8: bytes[$0]) == nil })
    {
      throw CheckpointError(
        .malformed, file: files.file(name), offset: lines[line].lowerBound,
        field: "line \(line + 1)", "is not UTF-8")
    }
    return (bytes, lines)
  }
}
