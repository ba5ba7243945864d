package import CheckpointBytes

/// The files of a tokenizer in a model's directory, as Transformers saves them.
struct TokenizerDirectory {
  let path: String
  /// `tokenizer_config.json`
  let configuration: Settings?
  /// `special_tokens_map.json`
  let specialTokensMap: Settings?
  /// `added_tokens.json`
  private let addedTokens: Settings?
  /// `config.json`, the model's own
  private let modelConfiguration: Settings?
  /// The files by their names, where they are not read from disk.
  private let contents: [String: [UInt8]]?

  init(_ path: String, contents: [String: [UInt8]]? = nil) throws(CheckpointError) {
    let kind = contents == nil ? try PathKind(path: path) : .directory
    guard kind == .directory else {
      throw CheckpointError(
        .inputOutput, file: path,
        kind == .nothing ? "there is no such directory" : "is no directory",
        remedy: "give the directory that holds the tokenizer's files")
    }
    self.path = path
    self.contents = contents
    func settings(_ name: String) throws(CheckpointError) -> Settings? {
      guard try Self.isThere(name, in: path, contents) else { return nil }
      let file = Directory.join(path, name)
      let document = try JSONValue(parsing: try Self.bytes(name, in: path, contents), file: file)
      return try Settings(document, path: "", file: file)
    }
    configuration = try settings("tokenizer_config.json")
    specialTokensMap = try settings("special_tokens_map.json")
    addedTokens = try settings("added_tokens.json")
    modelConfiguration = try settings("config.json")
  }

  private static func isThere(
    _ name: String, in directory: String, _ contents: [String: [UInt8]]?
  ) throws(CheckpointError) -> Bool {
    if let contents { return contents[name] != nil }
    return try PathKind(path: Directory.join(directory, name)) != .nothing
  }

  private static func bytes(
    _ name: String, in directory: String, _ contents: [String: [UInt8]]?
  ) throws(CheckpointError) -> [UInt8] {
    if let contents { return contents[name] ?? [] }
    return try SourceFile(path: Directory.join(directory, name)).documentBytes()
  }

  /// True if a file is there.
  func has(_ name: String) throws(CheckpointError) -> Bool {
    try Self.isThere(name, in: path, contents)
  }

  /// The path of a file, for errors.
  func file(_ name: String) -> String { Directory.join(path, name) }

  /// The bytes of a file.
  func bytes(_ name: String) throws(CheckpointError) -> [UInt8] {
    try Self.bytes(name, in: path, contents)
  }

  /// The JSON document in a file.
  func json(_ name: String) throws(CheckpointError) -> JSONValue {
    try JSONValue(parsing: try bytes(name), file: file(name))
  }

  /// The content of `tokenizer.json`; nil if it is not there.
  func tokenizerFile() throws(CheckpointError) -> TokenizerFile? {
    guard try has(TokenizerFile.name) else { return nil }
    return try TokenizerFile(try json(TokenizerFile.name), path: file(TokenizerFile.name))
  }

  /// The class of the tokenizer, as `AutoTokenizer` decides it: the one that is stated, or else that of the model's type;
  /// where nothing is said, `tokenizer.json` as it stands, or the class that the vocabulary files look like.
  ///
  /// - Throws: `unsupported`, naming the class or the type and where it is stated, for one whose ids are not known.
  func tokenizerClass() throws(CheckpointError) -> TokenizerClass {
    let type = try modelConfiguration?.optionalString("model_type")
    for settings in [configuration, modelConfiguration] {
      guard let settings, let name = try settings.optionalString("tokenizer_class") else {
        continue
      }
      guard let found = TokenizerClass(named: name) else {
        throw CheckpointError(
          .unsupported, file: settings.file, field: "tokenizer_class",
          "\(quoted(name)) is not supported, and other classes give other ids",
          remedy: "if tokenizer.json is whole, PreTrainedTokenizerFast takes it as it stands")
      }
      // What the models of these types state is wrong, so that Transformers does not look at it.
      return type.map(TokenizerClass.file.isUsual) == true ? .file : found
    }
    guard let modelConfiguration, let type, !type.isEmpty else {
      return try VocabularySource.usualClass(of: self)
    }
    guard let found = TokenizerClass(modelType: type) else {
      throw CheckpointError(
        .unsupported, file: modelConfiguration.file, field: "model_type",
        "the tokenizer of \(quoted(type)) is not supported",
        remedy: "state the tokenizer_class in tokenizer_config.json, if it is another")
    }
    return found
  }

  /// The tokens of `added_tokens_decoder`, or else of `added_tokens.json` and `tokenizer.json`, by ascending id.
  func statedTokens(
    _ document: TokenizerFile?
  ) throws(CheckpointError) -> [(token: AddedToken, id: UInt32?)] {
    var tokens: [UInt32: AddedToken] = [:]
    if let table = try configuration?.optionalObject("added_tokens_decoder") {
      for name in table.names {
        guard let id = UInt32(name), let entry = try table.optionalObject(name) else {
          throw table.error(.malformed, name, "expected an object under an id")
        }
        tokens[id] = try AddedToken(entry)
      }
    } else {
      if let table = addedTokens {
        // The class's own tokens are not looked at here, nor are those of the map's old list: so does the reference.
        let stated = try specialTokens(of: nil, takesOldList: false)
        let known = Set((stated.roles.values + stated.listed).map { ExactName($0.content) })
        for name in table.names {
          let isSpecial = known.contains(ExactName(name))
          tokens[try table.id(name)] = AddedToken(name, isSpecial: isSpecial)
        }
      }
      for entry in try document?.addedTokens() ?? [] {
        if let id = entry.id { tokens[id] = entry.token }
      }
    }
    return tokens.sorted { $0.key < $1.key }.map { ($0.value, $0.key) }
  }

  /// What the files say of the tokenizer beside its parts.
  ///
  /// - Parameter listed: The tokens of a SentencePiece model, which count where the configuration lists none.
  func setup(
    of owner: TokenizerClass, _ document: TokenizerFile?, listed: [AddedToken]?
  ) throws(CheckpointError) -> TokenizerSetup {
    var setup = TokenizerSetup()
    setup.givesTokenTypes = owner.givesTokenTypes
    setup.specialTokens = try specialTokens(
      of: owner, takesOldList: listed == nil, listed: listed ?? owner.listedTokens)
    if case .file = owner.form, let padding = try document?.padding(), !statesPadding {
      setup.specialTokens.roles[.padding] = padding.token.map { AddedToken($0, isSpecial: true) }
    }
    guard let configuration else { return setup }
    if let names = try configuration.optionalStrings("model_input_names") {
      setup.givesTokenTypes = names.contains("token_type_ids")
    }
    // Old files say `max_len`.
    if let name = ["model_max_length", "max_len"].first(where: configuration.names.contains) {
      setup.maximumLength = try configuration.optionalLength(name)
    }
    setup.truncationSide = try configuration.optionalChoice("truncation_side", TextSide.self)
    setup.paddingSide = try configuration.optionalChoice("padding_side", TextSide.self)
    setup.cleansUp = try configuration.boolean("clean_up_tokenization_spaces", default: false)
    setup.cleansBytePairs = try configuration.boolean(
      "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", default: false)
    setup.splitsSpecialTokens = try configuration.boolean("split_special_tokens", default: false)
    return setup
  }

  /// True if a file says what the padding token is, be it that there is none.
  private var statesPadding: Bool {
    [configuration, specialTokensMap].contains {
      $0?.names.contains(SpecialTokens.Role.padding.rawValue) ?? false
    }
  }
}

/// What the files of a directory say of a tokenizer before its vocabulary is read.
package struct StatedTokenizer {
  /// The class.
  package let owner: TokenizerClass
  /// The first special token that is not the class's own: its role and the token; nil if all are.
  package let otherToken: (role: String, text: String)?

  /// Reads what the files state.
  ///
  /// - Parameter contents: The files by their names, where they are not read from disk.
  /// - Throws: `unsupported`, naming the class and the file that states it, for a class whose ids are not known.
  package init(
    in directory: String, contents: [String: [UInt8]]? = nil
  ) throws(CheckpointError) {
    let files = try TokenizerDirectory(directory, contents: contents)
    let owner = try files.tokenizerClass()
    let tokens = try files.specialTokens(of: owner)
    let role = SpecialTokens.Role.allCases.first {
      owner.specialTokens[$0] != nil && owner.specialTokens[$0]?.content != tokens[$0]
    }
    self.owner = owner
    otherToken = role.map { ($0.rawValue, tokens[$0] ?? "null") }
  }
}
