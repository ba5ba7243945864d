internal import CheckpointBytes
internal import LayoutRules

extension TokenizerDescription {
  /// `vocab.txt`: a token a line, by ids.
  ///
  /// - Throws: `unsupported` if a token holds white space, which readers of such files strip or take for the end.
  func vocabularyLines(file: String) throws(CheckpointError) -> [UInt8] {
    var bytes: [UInt8] = []
    for token in tokens {
      guard !token.isEmpty, !token.unicodeScalars.contains(where: \.properties.isWhitespace) else {
        throw CheckpointError(
          .unsupported, file: file, field: "vocabulary",
          "the token \(quoted(token)) is empty or holds white space, which a list of lines cannot hold"
        )
      }
      bytes += token.utf8
      bytes.append(0x0A)
    }
    return bytes
  }

  /// `vocab.json`: from tokens to ids.
  func vocabularyObject() -> [UInt8] {
    let members = tokens.enumerated().map { id, token in
      JSONValue.Member(ExactName(token), .integer(id))
    }
    return Array(JSONWriter.text(.object(members)).utf8)
  }

  /// `merges.txt` with its first line, which readers skip.
  ///
  /// - Throws: `unsupported` if a token holds white space.
  func mergeLines(file: String) throws(CheckpointError) -> [UInt8] {
    var bytes = Array("#version: 0.2\n".utf8)
    for (first, second) in merges {
      for token in [first, second] {
        guard !token.isEmpty, !token.unicodeScalars.contains(where: \.properties.isWhitespace)
        else {
          throw CheckpointError(
            .unsupported, file: file, field: "merges",
            "the token \(quoted(token)) is empty or holds white space, which a pair on a line cannot hold"
          )
        }
      }
      bytes += Array(first.utf8) + [0x20] + Array(second.utf8) + [0x0A]
    }
    return bytes
  }

  /// KerasHub's serialised tokenizer (0.32). Special tokens in text are recognised, as Transformers does by default.
  func kerasHub(_ family: FamilyDescription, _ keras: KerasHubFamily) -> JSONValue {
    let own = family.tokenizer.needed
    let others = added.map(\.content).filter { content in
      !own.contains { ExactName($0) == ExactName(content) }
    }
    func list(_ tokens: [String]) -> JSONValue { .array(tokens.map { .string($0) }) }
    var members: [(String, JSONValue)] = [
      ("name", .string("\(keras.package)_tokenizer")),
      ("config_file", .string("tokenizer.json")), ("sequence_length", .null),
    ]
    if family.tokenizer.kind == .wordPiece {
      members += [
        ("vocabulary", .null), ("lowercase", .boolean(isLowercase)),
        ("strip_accents", .boolean(stripsAccents)), ("split", .boolean(true)),
        ("split_on_cjk", .boolean(splitsIdeographs)), ("suffix_indicator", .string("##")),
        ("oov_token", .string("[UNK]")), ("special_tokens", others.isEmpty ? .null : list(others)),
        ("special_tokens_in_strings", .boolean(true)),
      ]
    } else {
      members += [
        ("add_prefix_space", .boolean(addsPrefixSpace)),
        ("unsplittable_tokens", list(own + others)),
      ]
    }
    return KerasHubPreset.serialized(
      keras.tokenizer, in: KerasHubPreset.module(keras, keras.tokenizer), members)
  }
}
