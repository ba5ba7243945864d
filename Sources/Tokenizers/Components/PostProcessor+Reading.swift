internal import CheckpointBytes

extension PostProcessor {
  /// Reads the object that describes a post-processor.
  init(_ settings: Settings) throws(CheckpointError) {
    let type = try settings.string("type")
    switch type {
    case "BertProcessing":
      try settings.allowOnly(["type", "sep", "cls"])
      self = .bert(try SpecialPair(settings))
    case "RobertaProcessing":
      try settings.allowOnly(["type", "sep", "cls", "trim_offsets", "add_prefix_space"])
      self = .roberta(
        try SpecialPair(settings),
        trimming: try settings.boolean("trim_offsets")
          ? OffsetTrimming(addsPrefixSpace: try settings.boolean("add_prefix_space")) : nil)
    case "ByteLevel":
      let level = try ByteLevel(settings)
      self = .byteLevel(
        trimming: level.trimsOffsets
          ? OffsetTrimming(addsPrefixSpace: level.addsPrefixSpace) : nil)
    case "TemplateProcessing": self = .template(try Template(settings))
    case "Sequence":
      try settings.allowOnly(["type", "processors"])
      var parts: [PostProcessor] = []
      for part in try settings.objects("processors") {
        let processor = try PostProcessor(part)
        // A template makes several parts of one text, which no other template takes.
        if processor.hasTemplate, parts.contains(where: \.hasTemplate) {
          throw part.error(.unsupported, nil, "a template after a template")
        }
        parts.append(processor)
      }
      self = .sequence(parts)
    default:
      throw settings.error(.unsupported, "type", "the post-processor \(quoted(type)) is not known")
    }
  }

  private var hasTemplate: Bool {
    switch self {
    case .template: true
    case .sequence(let parts): parts.contains(where: \.hasTemplate)
    case .bert, .roberta, .byteLevel: false
    }
  }
}

extension PostProcessor.SpecialPair {
  fileprivate init(_ settings: Settings) throws(CheckpointError) {
    begin = try Self.special(settings, "cls")
    end = try Self.special(settings, "sep")
  }

  /// `["[CLS]", 101]`
  private static func special(
    _ settings: Settings, _ name: String
  ) throws(CheckpointError) -> PostProcessor.Special {
    let elements = try settings.elements(name)
    guard elements.count == 2, let text = elements[0].string, let id = Settings.id(elements[1])
    else { throw settings.error(.malformed, name, "expected a token and its id") }
    return PostProcessor.Special(text: text, id: id)
  }
}

extension Template {
  /// The most special tokens around a text or a pair: each of them may stand for a list, and each text has them all.
  private static let mostAdded = 1_000

  /// Reads the object that describes a template.
  init(_ settings: Settings) throws(CheckpointError) {
    try settings.allowOnly(["type", "single", "pair", "special_tokens"])
    var specials: [ExactName: [PostProcessor.Special]] = [:]
    if let table = try settings.optionalObject("special_tokens") {
      for name in table.names {
        guard let entry = try table.optionalObject(name) else {
          throw table.error(.malformed, name, "expected an object, found null")
        }
        specials[ExactName(name)] = try Self.specials(entry)
      }
    }
    single = try Self.pieces(settings, "single", specials, textCount: 1)
    pair = try Self.pieces(settings, "pair", specials, textCount: 2)
    guard max(addedCount(isPair: false), addedCount(isPair: true)) <= Self.mostAdded else {
      throw settings.error(
        .limitExceeded, "single", "puts more than \(Self.mostAdded) special tokens around a text")
    }
  }

  private static func specials(
    _ settings: Settings
  ) throws(CheckpointError) -> [PostProcessor.Special] {
    try settings.allowOnly(["id", "ids", "tokens"])
    _ = try settings.string("id")
    let ids = try settings.elements("ids")
    let tokens = try settings.elements("tokens")
    guard ids.count == tokens.count else {
      throw settings.error(
        .inconsistent, "ids", "\(ids.count) ids for \(tokens.count) tokens")
    }
    var specials: [PostProcessor.Special] = []
    for (id, token) in zip(ids, tokens) {
      guard let id = Settings.id(id), let text = token.string else {
        throw settings.error(.malformed, "ids", "expected ids, and tokens that are strings")
      }
      specials.append(PostProcessor.Special(text: text, id: id))
    }
    return specials
  }

  private static func pieces(
    _ settings: Settings, _ name: String, _ specials: [ExactName: [PostProcessor.Special]],
    textCount: Int
  ) throws(CheckpointError) -> [Piece] {
    var pieces: [Piece] = []
    for object in try settings.objects(name) {
      try object.allowOnly(["Sequence", "SpecialToken"])
      if let text = try object.optionalObject("Sequence") {
        try text.allowOnly(["id", "type_id"])
        let id = try text.string("id")
        guard let sequence = ["A", "B"].firstIndex(of: id), sequence < textCount else {
          throw text.error(.malformed, "id", "\(quoted(id)) is no text of this template")
        }
        pieces.append(.text(sequence, typeID: Int(try text.id("type_id"))))
      } else if let special = try object.optionalObject("SpecialToken") {
        try special.allowOnly(["id", "type_id"])
        let id = try special.string("id")
        guard let tokens = specials[ExactName(id)] else {
          throw special.error(.notFound, "id", "\(quoted(id)) is not among special_tokens")
        }
        pieces.append(.special(tokens, typeID: Int(try special.id("type_id"))))
      } else {
        throw object.error(.malformed, nil, "expected Sequence or SpecialToken")
      }
    }
    return pieces
  }
}
