internal import CheckpointBytes
internal import LayoutRules
internal import Tokenizers

/// A WordPiece or byte-level BPE tokenizer by its parts, whichever files they were read from.
struct TokenizerDescription: Sendable {
  struct AddedToken: Sendable {
    let content: String
    let id: Int
  }

  /// The tokens by their ids, which have no gaps; added ones included.
  var tokens: [String]
  /// The tokens that were added to the model's own; no text is split within one.
  var added: [AddedToken] = []
  /// The pairs to merge, in order; empty for WordPiece.
  var merges: [(first: String, second: String)] = []
  /// WordPiece: letters are made small.
  var isLowercase = true
  /// WordPiece: accents are removed.
  var stripsAccents = true
  /// WordPiece: ideographs are words of their own.
  var splitsIdeographs = true
  /// BPE: text begins as if a space stood before it.
  var addsPrefixSpace = false

  /// The ids by token; of a token that is there twice, the last, as readers of such files have it.
  var identifiers: [ExactName: Int] {
    Dictionary(
      tokens.enumerated().map { (ExactName($1), $0) }, uniquingKeysWith: { _, last in last })
  }

  /// True if every token is there.
  func holds(_ needed: [String]) -> Bool {
    let known = Set(tokens.map { ExactName($0) })
    return needed.allSatisfy { known.contains(ExactName($0)) }
  }

  /// Reads what Transformers and its tokenizers write: the vocabulary of `tokenizer.json` if it is there, else the
  /// vocabulary files, and what the class puts around it; all of `tokenizer.json` if that counts as it stands.
  ///
  /// - Returns: nil if there is no tokenizer.
  /// - Throws: `unsupported`, naming the field, for another kind of tokenizer; the field is `tokenizer_class` if it is one of
  ///   another class than the family's. `malformed` for a broken file.
  static func read(
    _ directory: ModelDirectory, _ family: ModelFamily, _ limits: ReadLimits
  ) throws(CheckpointError) -> TokenizerDescription? {
    let kind = family.definition.tokenizer
    let isWordPiece = kind.kind == .wordPiece
    let names = ["tokenizer.json", "vocab.txt", "vocab.json"]
    guard names.contains(where: { directory[$0] != nil }) else { return nil }
    guard kind.kind != .unigram else {
      throw CheckpointError(
        .unsupported, file: directory.path, field: "tokenizer",
        "a tokenizer of SentencePiece has no other files")
    }
    let stated = try StatedTokenizer(
      in: directory.path, contents: try directory.givenContents(limits))
    let document = try directory.json("tokenizer.json", limits)
    let reader = document.map {
      TokenizerReader(file: Directory.join(directory.path, "tokenizer.json"), document: $0)
    }
    if stated.owner.name == TokenizerClass.file.name, let reader {
      return isWordPiece ? try reader.wordPiece() : try reader.bytePair()
    }
    guard kind.classNames.contains(stated.owner.name) else {
      throw CheckpointError(
        .unsupported, file: directory.path, field: "tokenizer_class",
        "\(quoted(stated.owner.name)) is not the tokenizer of \(family)")
    }
    if let (role, text) = stated.otherToken {
      throw CheckpointError(
        .unsupported, file: directory.path, field: role,
        "\(quoted(text)) is not the token of \(stated.owner.name)")
    }
    let settings = try directory.json("tokenizer_config.json", limits)
    func flag(_ key: ExactName, _ value: Bool) -> Bool {
      guard case .boolean(let flag)? = settings?[key] else { return value }
      return flag
    }
    var result: TokenizerDescription
    if isWordPiece {
      if let reader {
        result = try reader.described(try reader.model("WordPiece"))
      } else {
        guard let lines = try directory.lines("vocab.txt", limits) else { return nil }
        result = TokenizerDescription(tokens: lines)
      }
      // `BertTokenizer` (5.23): lower case by default, and accents as the case goes.
      result.isLowercase = flag("do_lower_case", true)
      result.stripsAccents = flag("strip_accents", result.isLowercase)
      result.splitsIdeographs = flag("tokenize_chinese_chars", true)
    } else {
      if let reader {
        result = try reader.described(try reader.model("BPE"))
        result.merges = try reader.merges()
      } else {
        guard let vocabulary = try directory.json("vocab.json", limits),
          let lines = try directory.lines("merges.txt", limits)
        else { return nil }
        let reader = TokenizerReader(
          file: Directory.join(directory.path, "vocab.json"), document: vocabulary)
        result = TokenizerDescription(tokens: try reader.tokens(vocabulary, and: []))
        let merges = TokenizerReader(
          file: Directory.join(directory.path, "merges.txt"), document: .null)
        for line in lines where !line.hasPrefix("#version") && !line.isEmpty {
          result.merges.append(try merges.pair(.string(line)))
        }
      }
      result.addsPrefixSpace = flag("add_prefix_space", false)
    }
    guard reader == nil else { return result }
    if let added = try directory.json("added_tokens.json", limits) {
      let reader = TokenizerReader(
        file: Directory.join(directory.path, "added_tokens.json"), document: added)
      try reader.add(added, to: &result)
    }
    return result
  }
}

/// Reads the parts of a tokenizer file.
struct TokenizerReader {
  let file: String
  let document: JSONValue

  func failure(_ kind: FailureKind, _ field: String, _ problem: String) -> CheckpointError {
    CheckpointError(kind, file: file, field: field, problem)
  }

  /// `tokenizer.json` of BERT: model WordPiece, normalizer BertNormalizer (tokenizers 0.23).
  func wordPiece() throws(CheckpointError) -> TokenizerDescription {
    let model = try model("WordPiece")
    let normalizer = document["normalizer"]
    guard normalizer?["type"]?.string == "BertNormalizer" else {
      throw failure(.unsupported, "normalizer", "expected BertNormalizer")
    }
    guard model["continuing_subword_prefix"]?.string == "##" else {
      throw failure(.unsupported, "model.continuing_subword_prefix", "expected ##")
    }
    var result = try described(model)
    func flag(_ key: ExactName, _ value: Bool) -> Bool {
      guard case .boolean(let flag)? = normalizer?[key] else { return value }
      return flag
    }
    result.isLowercase = flag("lowercase", true)
    result.stripsAccents = flag("strip_accents", result.isLowercase)
    result.splitsIdeographs = flag("handle_chinese_chars", true)
    return result
  }

  /// `tokenizer.json` of GPT-2 and RoBERTa: model BPE after ByteLevel.
  func bytePair() throws(CheckpointError) -> TokenizerDescription {
    let model = try model("BPE")
    guard document["pre_tokenizer"]?["type"]?.string == "ByteLevel" else {
      throw failure(.unsupported, "pre_tokenizer", "expected ByteLevel")
    }
    guard document["normalizer"] ?? .null == .null else {
      throw failure(.unsupported, "normalizer", "expected none")
    }
    var result = try described(model)
    result.merges = try merges()
    result.addsPrefixSpace =
      document["pre_tokenizer"]?["add_prefix_space"] == .boolean(true)
    return result
  }

  /// The pairs to merge, in order.
  func merges() throws(CheckpointError) -> [(first: String, second: String)] {
    guard let merges = document["model"]?["merges"]?.elements else {
      throw failure(.malformed, "model.merges", "expected a list")
    }
    var pairs: [(first: String, second: String)] = []
    pairs.reserveCapacity(merges.count)
    for merge in merges { pairs.append(try pair(merge)) }
    return pairs
  }

  func model(_ type: String) throws(CheckpointError) -> JSONValue {
    guard let model = document["model"], model.members != nil else {
      throw failure(.malformed, "model", "expected an object")
    }
    let found = model["type"]?.string ?? "none"
    guard found == type else {
      throw failure(.unsupported, "model.type", "expected \(type), found \(quoted(found))")
    }
    return model
  }

  func described(_ model: JSONValue) throws(CheckpointError) -> TokenizerDescription {
    guard let vocabulary = model["vocab"] else {
      throw failure(.malformed, "model.vocab", "the key is not there")
    }
    var added: [TokenizerDescription.AddedToken] = []
    for token in document["added_tokens"]?.elements ?? [] {
      guard let content = token["content"]?.string, let id = token["id"]?.integer else {
        throw failure(.malformed, "added_tokens", "expected content and id")
      }
      added.append(TokenizerDescription.AddedToken(content: content, id: id))
    }
    var result = TokenizerDescription(tokens: try tokens(vocabulary, and: added))
    result.added = added
    return result
  }

  /// A vocabulary file as it is: from tokens to ids.
  func identifiers() throws(CheckpointError) -> [ExactName: Int] {
    var identifiers: [ExactName: Int] = [:]
    for (id, name) in try names(document) { identifiers[ExactName(name)] = id }
    return identifiers
  }

  /// The tokens in the order of their ids, which must be all from 0 on.
  func tokens(
    _ vocabulary: JSONValue, and added: [TokenizerDescription.AddedToken]
  ) throws(CheckpointError) -> [String] {
    var names = try names(vocabulary)
    for token in added {
      if let other = names[token.id], ExactName(other) != ExactName(token.content) {
        throw failure(
          .inconsistent, "added_tokens",
          "\(quoted(token.content)) has the id \(token.id) of \(quoted(other))")
      }
      names[token.id] = token.content
    }
    var tokens: [String] = []
    tokens.reserveCapacity(names.count)
    for id in 0..<names.count {
      guard let name = names[id] else {
        throw failure(.unsupported, "vocabulary", "no token has the id \(id)")
      }
      tokens.append(name)
    }
    return tokens
  }

  private func names(_ vocabulary: JSONValue) throws(CheckpointError) -> [Int: String] {
    guard let members = vocabulary.members else {
      throw failure(.malformed, "vocabulary", "expected an object from tokens to ids")
    }
    var names: [Int: String] = [:]
    for member in members {
      guard let id = member.value.integer, id >= 0 else {
        throw failure(
          .malformed, "vocabulary", "the id of \(quoted(member.key.string)) is no number")
      }
      guard names.updateValue(member.key.string, forKey: id) == nil else {
        throw failure(.malformed, "vocabulary", "the id \(id) is given twice")
      }
    }
    return names
  }

  /// A pair as 0.20 and later write it, `["a", "b"]`, or as before, `"a b"`.
  func pair(_ merge: JSONValue) throws(CheckpointError) -> (first: String, second: String) {
    if let parts = merge.elements, parts.count == 2, let first = parts[0].string,
      let second = parts[1].string
    {
      return (first, second)
    }
    let parts = merge.string?.utf8.split(separator: 0x20, omittingEmptySubsequences: false) ?? []
    guard parts.count == 2 else {
      let text = singleLine(JSONWriter.text(merge), limit: 60)
      throw failure(.malformed, "merges", "expected two tokens, found \(text)")
    }
    return (String(Substring(parts[0])), String(Substring(parts[1])))
  }

  /// `added_tokens.json`: from tokens to ids, all behind the vocabulary.
  func add(
    _ added: JSONValue, to result: inout TokenizerDescription
  ) throws(CheckpointError) {
    guard let members = added.members else {
      throw failure(.malformed, "added tokens", "expected an object from tokens to ids")
    }
    let known = result.tokens.count
    var behind: [Int: String] = [:]
    for member in members {
      guard let id = member.value.integer, id >= 0 else {
        throw failure(
          .malformed, "added tokens", "the id of \(quoted(member.key.string)) is no number")
      }
      result.added.append(TokenizerDescription.AddedToken(content: member.key.string, id: id))
      if id >= known { behind[id] = member.key.string }
    }
    for offset in 0..<behind.count {
      guard let name = behind[known + offset] else {
        throw failure(.unsupported, "added tokens", "no token has the id \(known + offset)")
      }
      result.tokens.append(name)
    }
  }
}
