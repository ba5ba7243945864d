internal import CheckpointBytes

extension Decoder {
  /// Reads the object that describes a decoder.
  init(_ settings: Settings) throws(CheckpointError) {
    let type = try settings.string("type")
    switch type {
    case "WordPiece":
      try settings.allowOnly(["type", "prefix", "cleanup"])
      self = .wordPiece(
        prefix: Array(try settings.string("prefix").utf8), cleansUp: try settings.boolean("cleanup")
      )
    case "ByteLevel":
      _ = try ByteLevel(settings)
      self = .byteLevel
    case "BPEDecoder":
      try settings.allowOnly(["type", "suffix"])
      self = .bytePair(suffix: try Self.pattern(settings, "suffix"))
    case "Metaspace": self = .metaspace(try Metaspace(settings))
    case "Replace":
      try settings.allowOnly(["type", "pattern", "content"])
      guard let pattern = try settings.optionalObject("pattern") else {
        throw settings.error(.malformed, "pattern", "is missing")
      }
      guard pattern.value("Regex") == nil else {
        throw pattern.error(.unsupported, "Regex", "a decoder replaces literal text only")
      }
      try pattern.allowOnly(["String"])
      self = .replace(
        try Self.pattern(pattern, "String"), by: Array(try settings.string("content").utf8))
    case "Fuse":
      try settings.allowOnly(["type"])
      self = .fuse
    case "Strip":
      try settings.allowOnly(["type", "content", "start", "stop"])
      self = .strip(
        try settings.scalar("content"), start: try settings.count("start"),
        end: try settings.count("stop"))
    case "ByteFallback":
      try settings.allowOnly(["type"])
      self = .byteFallback
    case "Sequence":
      try settings.allowOnly(["type", "decoders"])
      var parts: [Decoder] = []
      for part in try settings.objects("decoders") { parts.append(try Decoder(part)) }
      self = .sequence(parts)
    default:
      throw settings.error(.unsupported, "type", "the decoder \(quoted(type)) is not known")
    }
  }

  private static func pattern(
    _ settings: Settings, _ name: String
  ) throws(CheckpointError) -> [UInt8] {
    let text = try settings.string(name)
    guard !text.isEmpty else { throw settings.error(.unsupported, name, "is empty") }
    return Array(text.utf8)
  }
}
