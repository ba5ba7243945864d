public import CheckpointBytes

extension Tokenizer {
  /// Reads a `tokenizer.json` alone, as `Tokenizer.from_file` of the `tokenizers` library does.
  ///
  /// - Throws: `malformed` if the file breaks the format, `unsupported` if it names a component or a setting that is not
  ///   known, `inconsistent` if its parts contradict each other, `limitExceeded` and `inputOutput` as for any file. Each
  ///   names the place in the file.
  public init(contentsOf path: String) throws(CheckpointError) {
    try self.init(json: try JSONFile.read(path), file: path)
  }

  /// Reads the content of a `tokenizer.json`. `file` is what errors call it.
  ///
  /// - Throws: what ``init(contentsOf:)`` throws.
  public init(json: JSONValue, file: String) throws(CheckpointError) {
    let parts = try TokenizerParts(json: json, file: file)
    var setup = TokenizerSetup()
    if let unknown = parts.model.unknownToken, parts.model.vocabulary.index(of: unknown) != nil {
      setup.specialTokens.roles[.unknown] = AddedToken(unknown, isSpecial: true)
    }
    try self.init(parts, setup: setup, addsSpecialTokens: false, file: file)
  }
}

extension TokenizerParts {
  /// Reads the content of a `tokenizer.json`.
  init(json: JSONValue, file: String) throws(CheckpointError) {
    let settings = try Settings(json, path: "", file: file)
    try settings.allowOnly([
      "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
      "post_processor", "decoder", "model",
    ])
    if let version = try settings.optionalString("version"), version != "1.0" {
      throw settings.error(.unsupported, "version", "\(quoted(version)), expected '1.0'")
    }
    guard let model = try settings.optionalObject("model") else {
      throw settings.error(.malformed, "model", "is missing")
    }
    self.model = try Model(model)
    if let object = try settings.optionalObject("normalizer") {
      normalizer = try Normalizer(object)
    }
    if let object = try settings.optionalObject("pre_tokenizer") {
      preTokenizer = try PreTokenizer(object)
    }
    if let object = try settings.optionalObject("post_processor") {
      postProcessor = try PostProcessor(object)
    }
    if let object = try settings.optionalObject("decoder") { decoder = try Decoder(object) }
    if let object = try settings.optionalObject("truncation") {
      truncation = try Truncation(object)
    }
    if let object = try settings.optionalObject("padding") { padding = try Padding(object) }
    guard settings.value("added_tokens") != nil else { return }
    for object in try settings.objects("added_tokens") {
      let id = try object.id("id")
      for name in ["single_word", "lstrip", "rstrip", "normalized", "special"] {
        _ = try object.boolean(name)
      }
      addedTokens.append((try AddedToken(object, otherNames: ["id"]), id))
    }
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

/// Files that hold JSON.
enum JSONFile {
  /// Reads a file of limited size.
  static func read(_ path: String) throws(CheckpointError) -> JSONValue {
    try parse(try bytes(path), file: path)
  }

  /// Reads the content of a file.
  static func parse(_ bytes: [UInt8], file: String) throws(CheckpointError) -> JSONValue {
    try locating(file: file) { () throws(ParseFailure) in
      try JSONValue(parsing: bytes, context: "JSON", maximumDepth: ReadLimits().jsonDepth)
    }
  }

  /// The bytes of a file of limited size.
  static func bytes(
    _ path: String, _ limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) -> [UInt8] {
    let file = try SourceFile(path: path)
    guard file.size <= limits.jsonBytes else {
      throw CheckpointError(
        .limitExceeded, file: path, "has \(file.size) bytes, the limit is \(limits.jsonBytes)")
    }
    return try file.bytes(at: 0, count: file.size)
  }
}
