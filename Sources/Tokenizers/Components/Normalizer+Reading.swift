package import CheckpointBytes

extension Normalizer {
  /// Reads the JSON that describes one.
  package init(json: JSONValue) throws(CheckpointError) {
    try self.init(try Settings(json, path: "", file: "JSON"))
  }

  /// Reads the object that describes a normalizer.
  init(_ settings: Settings) throws(CheckpointError) {
    let type = try settings.string("type")
    switch type {
    case "BertNormalizer":
      try settings.allowOnly([
        "type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase",
      ])
      self = .bert(
        BertNormalization(
          cleansText: try settings.boolean("clean_text"),
          separatesIdeographs: try settings.boolean("handle_chinese_chars"),
          stripsAccents: try settings.optionalBoolean("strip_accents"),
          lowercases: try settings.boolean("lowercase")))
    case "NFC", "NFD", "NFKC", "NFKD":
      try settings.allowOnly(["type"])
      self = .unicode(try settings.choice("type", UnicodeNormalization.self))
    case "Lowercase":
      try settings.allowOnly(["type"])
      self = .lowercase
    case "StripAccents":
      try settings.allowOnly(["type"])
      self = .stripAccents
    case "Nmt":
      try settings.allowOnly(["type"])
      self = .nmt
    case "Precompiled":
      try settings.allowOnly(["type", "precompiled_charsmap"])
      self = .precompiled(try CharacterMap(settings))
    case "ByteLevel":
      try settings.allowOnly(["type"])
      self = .byteLevel
    case "Strip":
      try settings.allowOnly(["type", "strip_left", "strip_right"])
      self = .strip(
        left: try settings.boolean("strip_left"), right: try settings.boolean("strip_right"))
    case "Replace":
      try settings.allowOnly(["type", "pattern", "content"])
      self = .replace(
        try TextPattern(settings), by: try settings.string("content").scalarValues)
    case "Prepend":
      try settings.allowOnly(["type", "prepend"])
      let content = try settings.string("prepend").scalarValues
      guard !content.isEmpty else {
        throw settings.error(.unsupported, "prepend", "nothing is prepended")
      }
      self = .prepend(content)
    case "Sequence":
      try settings.allowOnly(["type", "normalizers"])
      var normalizers: [Normalizer] = []
      for part in try settings.objects("normalizers") { normalizers.append(try Normalizer(part)) }
      self = .sequence(normalizers)
    default:
      throw settings.error(.unsupported, "type", "the normalizer \(quoted(type)) is not known")
    }
  }
}

extension CharacterMap {
  /// Reads the member `precompiled_charsmap`.
  init(_ settings: Settings) throws(CheckpointError) {
    let name = "precompiled_charsmap"
    guard let bytes = Base64.bytes(try settings.string(name)) else {
      throw settings.error(.malformed, name, "is not base64")
    }
    do throws(ParseFailure) {
      try self.init(bytes)
    } catch {
      throw settings.error(error.kind, name, "\(error.field) \(error.problem)")
    }
  }
}

extension TextPattern {
  /// Reads the member `pattern`: `{"String": …}` or `{"Regex": …}`.
  init(_ settings: Settings) throws(CheckpointError) {
    guard let pattern = try settings.optionalObject("pattern") else {
      throw settings.error(.malformed, "pattern", "is missing")
    }
    try pattern.allowOnly(["String", "Regex"])
    if let text = try pattern.optionalString("String") {
      guard !text.isEmpty else {
        throw pattern.error(.unsupported, "String", "the pattern is empty")
      }
      guard text.utf8.count <= Vocabulary.longestToken else {
        throw pattern.error(
          .limitExceeded, "String", "the pattern has more than \(Vocabulary.longestToken) bytes")
      }
      self = .literal(text.scalarValues)
      return
    }
    let expression = try pattern.string("Regex")
    guard let known = TextPattern(regularExpression: expression) else {
      throw pattern.error(
        .unsupported, "Regex", "the regular expression \(quoted(expression)) is not known")
    }
    self = known
  }
}
