public import CheckpointBytes
internal import LanguageModels
internal import Tokenizers

/// A part of a text with a label: a name of a person, say.
public struct Entity: Sendable, Hashable {
  /// The label; of what is put together of several tokens without `B-` or `I-`.
  public let label: String
  /// Its probability.
  public let score: Double
  /// The token, or what tokens are decoded to. The text itself is at `place`.
  public let word: String
  /// Where it stands in the text, in Unicode scalars.
  public let place: Range<Int>
  /// The token's place among the tokens of the text; nil for what is put together.
  public let token: Int?
}

/// Labels the tokens of texts, as Transformers' pipeline `token-classification` (`ner`) does (5.23).
public struct TokenClassification: TextTask {
  /// How tokens are put together.
  public enum Aggregation: String, Sendable, Hashable, CaseIterable {
    /// Not at all: each token by itself.
    case none
    /// Neighbours of one label.
    case simple
    /// The same, where each word has the label of its first token.
    case first
    /// The same, where a word's scores are the means over its tokens.
    case average
    /// The same, where each word has the label of the token that has the greatest score.
    case max
  }

  private let model: TextModel
  private let labels: [String]
  /// How tokens are put together.
  public let aggregation: Aggregation
  /// The labels that are left out.
  public let ignoredLabels: Set<String>
  /// How many tokens the parts of a long text have in common; nil if long texts are not cut into parts.
  public let stride: Int?

  /// Takes a model with a head for tokens.
  ///
  /// - Parameters:
  ///   - model: The model with its tokenizer.
  ///   - aggregation: How the tokens of an entity are put together.
  ///   - ignoredLabels: Labels of tokens that are of no entity.
  ///   - stride: If it is given, texts that are too long are labelled in parts; where entities of two parts overlap, the
  ///     longer one is kept, and of equal ones the more probable.
  /// - Throws: `unsupported` for a model with another head, `inconsistent` for a stride without aggregation.
  public init(
    _ model: TextModel, aggregation: Aggregation = .none, ignoredLabels: Set<String> = ["O"],
    stride: Int? = nil
  ) throws(CheckpointError) {
    try model.require(.tokenClassification, "does not label tokens")
    guard stride == nil || aggregation != .none else {
      throw CheckpointError(
        .inconsistent, field: "stride", "single tokens of overlapping parts would come twice",
        remedy: "choose how tokens are put together")
    }
    self.model = model
    self.aggregation = aggregation
    self.ignoredLabels = ignoredLabels
    self.stride = stride
    let labels = model.model.configuration.labels
    self.labels = (0..<labels.count).map { labels.name(of: $0) }
  }

  /// `text`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> String { try row.text("text") }

  /// The entities of texts, in their order.
  public func answers(to inputs: [String]) -> [Result<[Entity], CheckpointError>] {
    let texts = inputs.map { TokenizerInput($0) }
    let parts =
      stride.map { stride in texts.map { self.parts(of: $0, stride: stride) } }
      ?? model.encodings(of: texts, upTo: model.maximumLength).map { $0.map { [$0] } }
    let scores = model.run(parts) { (outputs, encodings) throws(CheckpointError) in
      zip(encodings, try outputs.tokenRows("logits", of: encodings)).map { ($0, $1) }
    }
    return zip(inputs, scores).map { text, parts in
      parts.map { parts in
        let scalars = Array(text.unicodeScalars)
        let found = parts.flatMap { encoding, logits in
          let probabilities = logits.map { ScoreProcessor.probabilities(of: $0) }
          return self.entities(encoding, probabilities, in: scalars)
            .filter { !ignoredLabels.contains($0.label) }
        }
        return parts.count > 1 ? Self.withoutOverlaps(found) : found
      }
    }
  }

  /// `entities`: `entity`, or `entity_group` for what is put together, `score`, `index`, `word`, `start` and `end`.
  public func members(of output: [Entity]) -> [JSONValue.Member] {
    let entities = output.map { entity in
      let isGroup = aggregation != .none
      return [
        JSONValue.Member(isGroup ? "entity_group" : "entity", .string(entity.label)),
        JSONValue.Member("score", .double(entity.score)),
      ] + (entity.token.map { [JSONValue.Member("index", .integer($0))] } ?? []) + [
        JSONValue.Member("word", .string(entity.word)),
        JSONValue.Member("start", .integer(entity.place.lowerBound)),
        JSONValue.Member("end", .integer(entity.place.upperBound)),
      ]
    }
    return [JSONValue.Member("entities", .array([JSONValue](entities)))]
  }

  private func parts(
    of text: TokenizerInput, stride: Int
  ) -> Result<[Encoding], CheckpointError> {
    Result { () throws(CheckpointError) in
      let tokenizer = model.tokenizer
      var options = EncodingOptions(
        truncation: Truncation(
          maximumLength: model.maximumLength, side: tokenizer.truncationSide, stride: stride))
      // The reference fills parts up to one length: behind padding, a shorter one stands at later positions.
      if tokenizer.paddingSide == .left, tokenizer.paddingTokenID != nil {
        options.padding = Padding(side: .left)
      }
      let first = try tokenizer.encode(text.text, options: options)
      try model.check(first)
      return [first] + first.overflowing
    }
  }
}

extension TokenClassification {
  /// A token in the text.
  private struct Piece {
    let token: Int
    let word: String
    let scores: [Float]
    let place: Range<Int>
    let goesOn: Bool
  }

  /// What a token or a word is labelled.
  private struct Labelled {
    let label: Int
    let score: Float
    let word: String
    let place: Range<Int>
    let token: Int?
  }

  /// `postprocess` of `pipelines/token_classification.py`.
  private func entities(
    _ encoding: Encoding, _ scores: [[Float]], in text: [Unicode.Scalar]
  ) -> [Entity] {
    let pieces = pieces(encoding, scores, in: text)
    let labelled: [Labelled]
    switch aggregation {
    case .none, .simple:
      labelled = pieces.map { piece in
        let (label, score) = Self.best(piece.scores)
        return Labelled(
          label: label, score: score, word: piece.word, place: piece.place, token: piece.token)
      }
    case .first, .average, .max: labelled = Self.words(of: pieces).map(word)
    }
    guard aggregation != .none else {
      return labelled.map {
        Entity(
          label: labels[$0.label], score: Double($0.score), word: $0.word, place: $0.place,
          token: $0.token)
      }
    }
    return groups(of: labelled)
  }

  /// The tokens that were found in the text (`gather_pre_entities`).
  private func pieces(
    _ encoding: Encoding, _ scores: [[Float]], in text: [Unicode.Scalar]
  ) -> [Piece] {
    let hasWords = model.tokenizer.continuingPrefix != nil
    return encoding.ids.indices.filter { encoding.specialTokensMask[$0] == 0 }.map { token in
      let id = encoding.ids[token]
      let place = encoding.offsets[token].clamped(to: 0..<text.count)
      var word = model.tokenizer.token(withID: id) ?? encoding.tokens[token]
      // A model that knows no words takes a token for the rest of one if there is no space at its beginning.
      var goesOn =
        hasWords
        ? word.unicodeScalars.count != place.count
        : place.lowerBound > 0
          && !text[(place.lowerBound - 1)..<min(place.lowerBound + 1, text.count)].contains(" ")
      if id == model.tokenizer.unknownTokenID {
        word = String(String.UnicodeScalarView(text[place]))
        goesOn = false
      }
      return Piece(token: token, word: word, scores: scores[token], place: place, goesOn: goesOn)
    }
  }

  /// Tokens of one word each (`aggregate_words`).
  private static func words(of pieces: [Piece]) -> [[Piece]] {
    var words: [[Piece]] = []
    for piece in pieces {
      if piece.goesOn, !words.isEmpty {
        words[words.count - 1].append(piece)
      } else {
        words.append([piece])
      }
    }
    return words
  }

  /// `aggregate_word`.
  private func word(_ pieces: [Piece]) -> Labelled {
    let scores: [Float]
    switch aggregation {
    case .max:
      let greatest = pieces.map { $0.scores.max() ?? 0 }
      scores = pieces[greatest.argmax() ?? 0].scores
    case .average:
      scores = pieces[0].scores.indices.map { label in
        pieces.reduce(0) { $0 + $1.scores[label] } / Float(pieces.count)
      }
    case .first, .none, .simple: scores = pieces[0].scores
    }
    let (label, score) = Self.best(scores)
    return Labelled(
      label: label, score: score, word: model.tokenizer.text(of: pieces.map(\.word)),
      place: Self.place(pieces[0].place, pieces[pieces.count - 1].place), token: nil)
  }

  /// Neighbours of one label, unless the second begins anew (`group_entities`).
  private func groups(of labelled: [Labelled]) -> [Entity] {
    var groups: [[Labelled]] = []
    for next in labelled {
      let tag = Self.tag(labels[next.label])
      if let last = groups.last?.last, Self.tag(labels[last.label]).name == tag.name, !tag.begins {
        groups[groups.count - 1].append(next)
      } else {
        groups.append([next])
      }
    }
    return groups.map { group in
      let label = labels[group[0].label]
      let sum = group.reduce(Float(0)) { $0 + $1.score }
      return Entity(
        label: label.firstIndex(of: "-").map { String(label[label.index(after: $0)...]) } ?? label,
        score: Double(sum / Float(group.count)),
        word: model.tokenizer.text(of: group.map(\.word)),
        place: Self.place(group[0].place, group[group.count - 1].place), token: nil)
    }
  }

  /// `get_tag`: a label without `B-` or `I-`, and whether it begins an entity.
  private static func tag(_ label: String) -> (begins: Bool, name: Substring) {
    if label.hasPrefix("B-") { return (true, label.dropFirst(2)) }
    return (false, label.hasPrefix("I-") ? label.dropFirst(2) : label[...])
  }

  private static func best(_ scores: [Float]) -> (label: Int, score: Float) {
    let label = scores.argmax() ?? 0
    return (label, scores.isEmpty ? 0 : scores[label])
  }

  private static func place(_ first: Range<Int>, _ last: Range<Int>) -> Range<Int> {
    first.lowerBound..<max(first.lowerBound, last.upperBound)
  }

  /// `aggregate_overlapping_entities`.
  private static func withoutOverlaps(_ entities: [Entity]) -> [Entity] {
    let order = entities.indices.sorted {
      (entities[$0].place.lowerBound, $0) < (entities[$1].place.lowerBound, $1)
    }
    var kept: [Entity] = []
    for entity in order.map({ entities[$0] }) {
      guard let last = kept.last, entity.place.lowerBound < last.place.upperBound else {
        kept.append(entity)
        continue
      }
      if (entity.place.count, entity.score) > (last.place.count, last.score) {
        kept[kept.count - 1] = entity
      }
    }
    return kept
  }
}
