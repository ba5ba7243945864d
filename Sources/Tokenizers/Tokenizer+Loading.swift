public import CheckpointBytes

extension Tokenizer {
  /// Loads the tokenizer of a model from its directory, as Transformers' `AutoTokenizer` does.
  ///
  /// Read are `tokenizer.json`, or else `vocab.txt` (BERT), or else `vocab.json` and `merges.txt` (GPT-2, RoBERTa);
  /// with them `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and, for the family,
  /// `config.json`. Settings that `tokenizer_config.json` states count more than those of `tokenizer.json`: lower case,
  /// accents and ideographs for BERT, the prefix space and the trimming of offsets for the others. Truncation and padding
  /// of `tokenizer.json` are kept in ``statedTruncation`` and ``statedPadding`` and, as in Transformers, not applied.
  ///
  /// - Parameter family: The family, where the files do not tell it.
  /// - Throws: `notFound` if there are no such files, `unsupported` if vocabulary files are of an unknown family, and what
  ///   ``init(contentsOf:)`` throws.
  public static func load(
    from directory: String, family: TokenizerFamily? = nil
  ) throws(CheckpointError) -> Tokenizer {
    try load(try TokenizerDirectory(directory), family: family)
  }

  /// Loads a tokenizer of files in memory, by their names; `directory` is what errors call their place.
  ///
  /// - Throws: What ``load(from:family:)`` throws.
  public static func load(
    from directory: String, contents: [String: [UInt8]], family: TokenizerFamily? = nil
  ) throws(CheckpointError) -> Tokenizer {
    try load(try TokenizerDirectory(directory, contents: contents), family: family)
  }

  private static func load(
    _ files: TokenizerDirectory, family: TokenizerFamily?
  ) throws(CheckpointError) -> Tokenizer {
    var stated = family
    if stated == nil { stated = try files.family() }
    if try files.has("tokenizer.json") {
      let path = files.file("tokenizer.json")
      var parts = try TokenizerParts(json: try files.json("tokenizer.json"), file: path)
      if let stated, let configuration = files.configuration {
        try parts.adopt(configuration, of: stated)
      }
      var setup = try files.setup(fallback: stated)
      parts.take(try files.statedTokens())
      parts.mark(setup.specialTokens)
      setup.specialTokens.describe(by: parts.addedTokens.map(\.token))
      return try Tokenizer(parts, setup: setup, addsSpecialTokens: true, file: path)
    }
    return try VocabularyFiles(files, family: stated).tokenizer()
  }
}

extension TokenizerParts {
  /// Takes over what `tokenizer_config.json` states of the parts.
  mutating func adopt(
    _ configuration: Settings, of family: TokenizerFamily
  ) throws(CheckpointError) {
    switch family {
    case .bert:
      guard case .bert(var rules) = normalizer else { return }
      if let flag = try configuration.optionalBoolean("do_lower_case") { rules.lowercases = flag }
      if configuration.names.contains("strip_accents") {
        rules.stripsAccents = try configuration.optionalBoolean("strip_accents")
      }
      if let flag = try configuration.optionalBoolean("tokenize_chinese_chars") {
        rules.separatesIdeographs = flag
      }
      normalizer = .bert(rules)
    case .gpt2, .roberta:
      let addsSpace = try configuration.optionalBoolean("add_prefix_space")
      if let addsSpace, case .byteLevel(_, let usesPattern) = preTokenizer {
        preTokenizer = .byteLevel(addsPrefixSpace: addsSpace, usesPattern: usesPattern)
      }
      guard family == .roberta, case .roberta(let pair, var trimming) = postProcessor else {
        return
      }
      if let trims = try configuration.optionalBoolean("trim_offsets") {
        trimming = trims ? trimming ?? OffsetTrimming(addsPrefixSpace: false) : nil
      }
      if let addsSpace { trimming?.addsPrefixSpace = addsSpace }
      postProcessor = .roberta(pair, trimming: trimming)
    }
  }

  /// Takes over added tokens that other files state: their properties, and those that are new.
  mutating func take(_ tokens: [(token: AddedToken, id: UInt32?)]) {
    for entry in tokens {
      let place = addedTokens.firstIndex {
        $0.token.content.utf8.elementsEqual(entry.token.content.utf8)
      }
      if let place { addedTokens[place].token = entry.token } else { addedTokens.append(entry) }
    }
  }

  /// Makes added tokens special that have a name.
  mutating func mark(_ special: SpecialTokens) {
    for index in addedTokens.indices where special.names(addedTokens[index].token.content) {
      addedTokens[index].token.isSpecial = true
    }
  }
}

extension SpecialTokens {
  /// Gives tokens the properties that a list of added tokens states for them.
  mutating func describe(by tokens: [AddedToken]) {
    func described(_ token: AddedToken) -> AddedToken {
      tokens.first { $0.content.utf8.elementsEqual(token.content.utf8) } ?? token
    }
    roles = roles.mapValues(described)
    for index in named.indices { named[index].token = described(named[index].token) }
    listed = listed.map(described)
  }
}
