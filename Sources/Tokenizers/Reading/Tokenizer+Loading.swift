public import CheckpointBytes

extension Tokenizer {
  /// Loads the tokenizer of a model from its directory, or from the Hub's cache by its name (`HubCache`), as Transformers' `AutoTokenizer` does.
  ///
  /// The class is the one that `tokenizer_config.json` or `config.json` states, or else that of the model's type. It
  /// takes the vocabulary of `tokenizer.json`, or else of `vocab.txt`, of `vocab.json` and `merges.txt`, or of
  /// `sentencepiece.bpe.model`, as it needs them, and puts around it what ``TokenizerClass`` and `tokenizer_config.json`
  /// say; only `PreTrainedTokenizerFast` takes `tokenizer.json` as it stands. `special_tokens_map.json` and `added_tokens.json` are read, too. Truncation and padding
  /// of `tokenizer.json` are kept in ``statedTruncation`` and ``statedPadding`` and, as in Transformers, not applied.
  ///
  /// - Parameters:
  ///   - directory: The model's directory, or its name in the Hub's cache.
  ///   - owner: The class, whatever the files state.
  /// - Throws: `notFound` if there are no such files, `unsupported`, naming the class and the file that states it, for a
  ///   class whose ids are not known, and what ``init(contentsOf:)`` throws.
  public static func load(
    from directory: String, as owner: TokenizerClass? = nil
  ) throws(CheckpointError) -> Tokenizer {
    try load(try TokenizerDirectory(HubCache.located(directory)), as: owner)
  }

  /// Loads a tokenizer of files in memory, by their names; `directory` is what errors call their place.
  ///
  /// - Throws: What ``load(from:as:)`` throws.
  public static func load(
    from directory: String, contents: [String: [UInt8]], as owner: TokenizerClass? = nil
  ) throws(CheckpointError) -> Tokenizer {
    try load(try TokenizerDirectory(directory, contents: contents), as: owner)
  }

  private static func load(
    _ files: TokenizerDirectory, as owner: TokenizerClass?
  ) throws(CheckpointError) -> Tokenizer {
    if let owner { return try TokenizerAssembly(files, owner).tokenizer() }
    return try TokenizerAssembly(files, try files.tokenizerClass()).tokenizer()
  }
}

extension TokenizerParts {
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
