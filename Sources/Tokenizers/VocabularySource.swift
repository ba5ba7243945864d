internal import CheckpointBytes

/// Where a class has its vocabulary from: `tokenizer.json`, or else the vocabulary files.
struct VocabularySource {
  let files: TokenizerDirectory
  /// The content of `tokenizer.json`.
  let document: TokenizerFile?
  /// The path of the file that holds the vocabulary.
  let path: String

  static let linesName = "vocab.txt"
  static let objectName = "vocab.json"
  static let mergesName = "merges.txt"

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
    if document != nil { return }
    guard !names.isEmpty else { throw missing(for: owner) }
    for name in names where try !files.has(name) { throw missing(for: owner) }
  }

  private static func names(for owner: TokenizerClass) -> [String] {
    switch owner.form {
    case .file: []
    case .wordPiece: [linesName]
    case .bytePair: [objectName, mergesName]
    }
  }

  /// The error for a directory without the files that a class needs.
  func missing(for owner: TokenizerClass) -> CheckpointError {
    let names = Self.names(for: owner).joined(separator: " and ")
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
    guard try files.has(objectName), try files.has(mergesName) else {
      throw CheckpointError(
        .notFound, file: files.path,
        "holds no tokenizer: expected tokenizer.json, vocab.txt, or vocab.json and merges.txt")
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

  /// A token on each line, its id the number of the line. White space at the end of a line does not belong to the token. Of
  /// equal lines the last one counts; the ids of the others have no token (`WordPiece::read_file`).
  private func lineVocabulary() throws(CheckpointError) -> Vocabulary {
    var tokens: [ExactName] = []
    var lastLine: [ExactName: Int] = [:]
    for (line, text) in try lines(of: Self.linesName).enumerated() {
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
          .inconsistent, file: path, field: "line \(line + 1)",
          error.problem(with: token.string, id: UInt32(truncatingIfNeeded: line)))
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
