internal import CheckpointBytes

/// The files of a tokenizer in a model's directory, as Transformers saves them.
struct TokenizerDirectory {
  let path: String
  /// `tokenizer_config.json`
  let configuration: Settings?
  /// `special_tokens_map.json`
  private let specialTokensMap: Settings?
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
  func statedTokens(
    special: SpecialTokens
  ) throws(CheckpointError) -> [(token: AddedToken, id: UInt32?)] {
    var tokens: [(token: AddedToken, id: UInt32)] = []
    if let table = try configuration?.optionalObject("added_tokens_decoder") {
      for name in table.names {
        guard let id = UInt32(name), let entry = try table.optionalObject(name) else {
          throw table.error(.malformed, name, "expected an object under an id")
        }
        tokens.append((try AddedToken(entry), id))
      }
    } else if let table = addedTokens {
      let known = Set(special.all.map { ExactName($0.content) })
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
    setup.specialTokens.roles = fallback?.specialTokens ?? [:]
    // `special_tokens_map.json` counts only beside a configuration that does not list the added tokens itself.
    let listsTokens = configuration?.value("added_tokens_decoder") != nil
    for settings in [configuration, listsTokens ? nil : specialTokensMap] {
      guard let settings else { continue }
      try read(settings, into: &setup.specialTokens)
    }
    if fallback == .roberta, setup.specialTokens.roles[.mask].map({ !$0.stripsLeft }) ?? false,
      try statesPlainMask()
    {
      // Transformers up to 4 gives a mask that is stated as text the white space before it; 5 has lost that.
      setup.specialTokens.roles[.mask]?.stripsLeft = true
    }
    guard let configuration else { return setup }
    // Without a limit, Transformers writes 10³⁰.
    setup.maximumLength = configuration.value("model_max_length")?.integer
    setup.truncationSide = try configuration.choice(
      "truncation_side", TextSide.self, default: .right)
    setup.paddingSide = try configuration.choice("padding_side", TextSide.self, default: .right)
    setup.cleansUp = try configuration.boolean("clean_up_tokenization_spaces", default: false)
    setup.splitsSpecialTokens = try configuration.boolean("split_special_tokens", default: false)
    return setup
  }

  /// True if no file describes the mask token as an object with properties.
  private func statesPlainMask() throws(CheckpointError) -> Bool {
    let name = SpecialTokens.Role.mask.rawValue
    return [configuration, specialTokensMap].allSatisfy { $0?.value(name)?.members == nil }
      && configuration?.value("added_tokens_decoder") == nil
  }

  private func read(
    _ settings: Settings, into tokens: inout SpecialTokens
  ) throws(CheckpointError) {
    for name in settings.names where name.hasSuffix("_token") {
      guard let token = try Self.token(settings, name) else { continue }
      if let role = SpecialTokens.Role(rawValue: name) {
        tokens.roles[role] = token
      } else {
        tokens.additional.append(token)
      }
    }
    for name in ["additional_special_tokens", "extra_special_tokens"] {
      guard let value = settings.value(name) else { continue }
      if value.members != nil, let table = try settings.optionalObject(name) {
        for key in table.names {
          if let token = try Self.token(table, key) { tokens.additional.append(token) }
        }
        continue
      }
      for (index, element) in try settings.elements(name).enumerated() {
        let token: AddedToken
        if let text = element.string {
          token = AddedToken(text, isSpecial: true)
        } else {
          let place = "\(name)[\(index)]"
          token = try Self.token(try Settings(element, path: place, file: settings.file))
        }
        if !tokens.additional.contains(where: { $0.content.utf8.elementsEqual(token.content.utf8) })
        {
          tokens.additional.append(token)
        }
      }
    }
  }

  /// A token that is stated as text or as an object; nil if it is `null` or something else, as `add_bos_token` is.
  private static func token(
    _ settings: Settings, _ name: String
  ) throws(CheckpointError) -> AddedToken? {
    guard let value = settings.value(name) else { return nil }
    if let text = value.string { return AddedToken(text, isSpecial: true) }
    guard value.members != nil, let object = try settings.optionalObject(name) else { return nil }
    return try token(object)
  }

  private static func token(_ settings: Settings) throws(CheckpointError) -> AddedToken {
    var token = try AddedToken(settings)
    token.isSpecial = true
    return token
  }
}
