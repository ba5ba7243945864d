package import CheckpointBytes

extension PreTokenizer {
  /// Reads the JSON that describes one.
  package init(json: JSONValue) throws(CheckpointError) {
    try self.init(try Settings(json, path: "", file: "JSON"))
  }

  /// Reads the object that describes a pre-tokenizer.
  init(_ settings: Settings) throws(CheckpointError) {
    let type = try settings.string("type")
    switch type {
    case "BertPreTokenizer":
      try settings.allowOnly(["type"])
      self = .bert
    case "ByteLevel":
      let level = try ByteLevel(settings)
      self = .byteLevel(addsPrefixSpace: level.addsPrefixSpace, usesPattern: level.usesPattern)
    case "Metaspace": self = .metaspace(try Metaspace(settings))
    case "Whitespace":
      try settings.allowOnly(["type"])
      self = .whitespace
    case "WhitespaceSplit":
      try settings.allowOnly(["type"])
      self = .whitespaceSplit
    case "Punctuation":
      try settings.allowOnly(["type", "behavior"])
      self = .punctuation(
        try settings.choice("behavior", SplitBehavior.self, default: .isolated))
    case "Digits":
      try settings.allowOnly(["type", "individual_digits"])
      self = .digits(individually: try settings.boolean("individual_digits"))
    case "Split":
      try settings.allowOnly(["type", "pattern", "behavior", "invert"])
      self = .split(
        try TextPattern(settings), try settings.choice("behavior", SplitBehavior.self),
        inverted: try settings.boolean("invert"))
    case "CharDelimiterSplit":
      try settings.allowOnly(["type", "delimiter"])
      self = .delimiter(try settings.scalar("delimiter"))
    case "Sequence":
      try settings.allowOnly(["type", "pretokenizers"])
      var parts: [PreTokenizer] = []
      for part in try settings.objects("pretokenizers") { parts.append(try PreTokenizer(part)) }
      self = .sequence(parts)
    default:
      throw settings.error(.unsupported, "type", "the pre-tokenizer \(quoted(type)) is not known")
    }
  }
}

/// The component ByteLevel, which the reference has as pre-tokenizer, post-processor and decoder with the same settings.
struct ByteLevel {
  let addsPrefixSpace: Bool
  let trimsOffsets: Bool
  let usesPattern: Bool

  /// Reads the object that describes it.
  init(_ settings: Settings) throws(CheckpointError) {
    try settings.allowOnly(["type", "add_prefix_space", "trim_offsets", "use_regex"])
    addsPrefixSpace = try settings.boolean("add_prefix_space")
    trimsOffsets = try settings.boolean("trim_offsets")
    usesPattern = try settings.boolean("use_regex", default: true)
  }
}

extension Metaspace {
  /// Reads the object that describes it, as a pre-tokenizer or as a decoder.
  init(_ settings: Settings) throws(CheckpointError) {
    try settings.allowOnly([
      "type", "replacement", "prepend_scheme", "add_prefix_space", "split", "str_rep",
    ])
    replacement = try settings.scalar("replacement")
    splits = try settings.boolean("split", default: true)
    prepending = try settings.choice("prepend_scheme", Prepending.self, default: .always)
    if try settings.optionalBoolean("add_prefix_space") == false {
      guard settings.value("prepend_scheme") == nil || prepending == .never else {
        throw settings.error(
          .inconsistent, "add_prefix_space", "is false, but prepend_scheme is not \"never\"")
      }
      prepending = .never
    }
  }
}
