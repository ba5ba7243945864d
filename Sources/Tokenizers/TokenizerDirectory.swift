internal import CheckpointBytes

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
      let document = try JSONFile.parse(try Self.bytes(name, in: path, contents), file: file)
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
    return try JSONFile.bytes(Directory.join(directory, name))
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
    try JSONFile.parse(try bytes(name), file: file(name))
  }

  /// The family that the files state: by the tokenizer's class, or else by the model's type.
  func family() throws(CheckpointError) -> TokenizerFamily? {
    for settings in [configuration, modelConfiguration] {
      if let name = try settings?.optionalString("tokenizer_class") {
        return TokenizerFamily(className: name)
      }
    }
    return try modelConfiguration?.optionalString("model_type")
      .flatMap { TokenizerFamily(rawValue: $0) }
  }

  /// The tokens of `added_tokens_decoder`, or else of `added_tokens.json`, by ascending id.
  func statedTokens() throws(CheckpointError) -> [(token: AddedToken, id: UInt32?)] {
    var tokens: [(token: AddedToken, id: UInt32)] = []
    if let table = try configuration?.optionalObject("added_tokens_decoder") {
      for name in table.names {
        guard let id = UInt32(name), let entry = try table.optionalObject(name) else {
          throw table.error(.malformed, name, "expected an object under an id")
        }
        tokens.append((try AddedToken(entry), id))
      }
    } else if let table = addedTokens {
      // The family's own tokens are not looked at here, nor does the reference.
      let known = Set(try specialTokens(fallback: nil).all.map { ExactName($0.content) })
      for name in table.names {
        let isSpecial = known.contains(ExactName(name))
        tokens.append((AddedToken(name, isSpecial: isSpecial), try table.id(name)))
      }
    }
    return tokens.sorted { $0.id < $1.id }.map { ($0.token, $0.id) }
  }

  /// What the files say of the tokenizer beside its parts.
  ///
  /// - Parameter fallback: The special tokens of the family.
  func setup(fallback: TokenizerFamily?) throws(CheckpointError) -> TokenizerSetup {
    var setup = TokenizerSetup()
    setup.specialTokens = try specialTokens(fallback: fallback)
    guard let configuration else { return setup }
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
}
