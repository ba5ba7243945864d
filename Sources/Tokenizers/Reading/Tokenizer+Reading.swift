public import CheckpointBytes

extension Tokenizer {
  /// Reads a `tokenizer.json` alone, as `Tokenizer.from_file` of the `tokenizers` library does.
  ///
  /// - Throws: `malformed` if the file breaks the format, `unsupported` if it names a component or a setting that is not
  ///   known, `inconsistent` if its parts contradict each other, `limitExceeded` and `inputOutput` as for any file. Each
  ///   names the place in the file.
  public init(contentsOf path: String) throws(CheckpointError) {
    try self.init(json: try SourceFile(path: path).document(), file: path)
  }

  /// Reads the content of a `tokenizer.json`. `file` is what errors call it.
  ///
  /// - Throws: what ``init(contentsOf:)`` throws.
  public init(json: JSONValue, file: String) throws(CheckpointError) {
    let parts = try TokenizerFile(json, path: file).parts()
    var setup = TokenizerSetup()
    if let unknown = parts.model.unknownToken, parts.model.vocabulary.index(of: unknown) != nil {
      setup.specialTokens.roles[.unknown] = AddedToken(unknown, isSpecial: true)
    }
    try self.init(parts, setup: setup, isBare: true, file: file)
  }
}

/// A `tokenizer.json`, of which each part is read when it is needed.
struct TokenizerFile {
  static let name = "tokenizer.json"

  let path: String
  private let settings: Settings

  init(_ json: JSONValue, path: String) throws(CheckpointError) {
    self.path = path
    settings = try Settings(json, path: "", file: path)
    try settings.allowOnly([
      "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
      "post_processor", "decoder", "model",
    ])
    if let version = try settings.optionalString("version"), version != "1.0" {
      throw settings.error(.unsupported, "version", "\(quoted(version)), expected '1.0'")
    }
  }

  func model() throws(CheckpointError) -> Settings {
    guard let model = try settings.optionalObject("model") else {
      throw settings.error(.malformed, "model", "is missing")
    }
    return model
  }

  /// The character map of the normalizer, or of the first of a sequence that has one; the classes of Transformers take
  /// nothing else of it.
  func characterMap() throws(CheckpointError) -> CharacterMap? {
    guard let normalizer = try settings.optionalObject("normalizer") else { return nil }
    let isSequence = normalizer.value("type")?.string == "Sequence"
    for part in isSequence ? try normalizer.objects("normalizers") : [normalizer] {
      if part.value("type")?.string == "Precompiled" { return try CharacterMap(part) }
    }
    return nil
  }

  func postProcessor() throws(CheckpointError) -> PostProcessor? {
    guard let object = try settings.optionalObject("post_processor") else { return nil }
    return try PostProcessor(object)
  }

  func truncation() throws(CheckpointError) -> Truncation? {
    guard let object = try settings.optionalObject("truncation") else { return nil }
    return try Truncation(object)
  }

  func padding() throws(CheckpointError) -> Padding? {
    guard let object = try settings.optionalObject("padding") else { return nil }
    return try Padding(object)
  }

  /// The added tokens, with the ids that are stated for them.
  func addedTokens() throws(CheckpointError) -> [(token: AddedToken, id: UInt32?)] {
    guard settings.value("added_tokens") != nil else { return [] }
    var tokens: [(token: AddedToken, id: UInt32?)] = []
    for object in try settings.objects("added_tokens") {
      let id = try object.id("id")
      for name in ["single_word", "lstrip", "rstrip", "normalized", "special"] {
        _ = try object.boolean(name)
      }
      tokens.append((try AddedToken(object, otherNames: ["id"]), id))
    }
    return tokens
  }

  /// All parts as they stand.
  func parts() throws(CheckpointError) -> TokenizerParts {
    var parts = TokenizerParts(model: try Model(try model()))
    if let object = try settings.optionalObject("normalizer") {
      parts.normalizer = try Normalizer(object)
    }
    if let object = try settings.optionalObject("pre_tokenizer") {
      parts.preTokenizer = try PreTokenizer(object)
    }
    parts.postProcessor = try postProcessor()
    if let object = try settings.optionalObject("decoder") {
      let decoder = try Decoder(object)
      guard decoder.growth <= Decoder.mostGrowth else {
        throw object.error(
          .limitExceeded, "type",
          "what it replaces makes tokens more than \(Int(Decoder.mostGrowth)) times longer")
      }
      parts.decoder = decoder
    }
    parts.truncation = try truncation()
    parts.padding = try padding()
    parts.addedTokens = try addedTokens()
    return parts
  }
}

extension AddedToken {
  /// Reads an object that describes one; `isSpecial` counts instead of what the object says.
  init(
    _ settings: Settings, otherNames: Set<String> = [], isSpecial: Bool? = nil
  ) throws(CheckpointError) {
    try settings.allowOnly(
      otherNames.union([
        "content", "single_word", "lstrip", "rstrip", "normalized", "special", "__type",
      ]))
    let saysSpecial = try settings.boolean("special", default: false)
    self.init(
      try settings.string("content"),
      isSingleWord: try settings.boolean("single_word", default: false),
      stripsLeft: try settings.boolean("lstrip", default: false),
      stripsRight: try settings.boolean("rstrip", default: false),
      isNormalized: try settings.optionalBoolean("normalized"),
      isSpecial: isSpecial ?? saysSpecial)
  }
}

extension Truncation {
  fileprivate init(_ settings: Settings) throws(CheckpointError) {
    try settings.allowOnly(["direction", "max_length", "strategy", "stride"])
    /// The names that the file has for the strategies.
    enum Name: String {
      case longestFirst = "LongestFirst"
      case onlyFirst = "OnlyFirst"
      case onlySecond = "OnlySecond"
    }
    let strategy: Strategy =
      switch try settings.choice("strategy", Name.self) {
      case .longestFirst: .longestFirst
      case .onlyFirst: .onlyFirst
      case .onlySecond: .onlySecond
      }
    self.init(
      maximumLength: try settings.count("max_length"), strategy: strategy,
      side: try TextSide(capitalized: settings, default: .right),
      stride: try settings.count("stride"))
  }
}

extension Padding {
  fileprivate init(_ settings: Settings) throws(CheckpointError) {
    try settings.allowOnly([
      "strategy", "direction", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token",
    ])
    let length: Length
    if settings.value("strategy")?.string != nil {
      guard try settings.string("strategy") == "BatchLongest" else {
        throw settings.error(.unsupported, "strategy", "expected BatchLongest or Fixed")
      }
      length = .longest
    } else if let fixed = try settings.optionalObject("strategy") {
      try fixed.allowOnly(["Fixed"])
      length = .fixed(try fixed.count("Fixed"))
    } else {
      throw settings.error(.malformed, "strategy", "is missing")
    }
    self.init(
      length, side: try TextSide(capitalized: settings, default: nil),
      multiple: try settings.optionalCount("pad_to_multiple_of"),
      id: Int(try settings.id("pad_id")), typeID: Int(try settings.id("pad_type_id")),
      token: try settings.string("pad_token"))
  }
}

extension TextSide {
  /// Reads the member `direction`: `Left` or `Right`.
  fileprivate init(capitalized settings: Settings, default fallback: TextSide?)
    throws(CheckpointError)
  {
    enum Name: String {
      case left = "Left"
      case right = "Right"
    }
    let name = fallback.map { $0 == .left ? Name.left : Name.right }
    self = try settings.choice("direction", Name.self, default: name) == .left ? .left : .right
  }
}
