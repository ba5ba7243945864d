public import CheckpointBytes
internal import LanguageModels
internal import Tokenizers

/// Labels texts with labels that the model was not made for, as Transformers' pipeline `zero-shot-classification` does (5.23):
/// a model for inference says how well a sentence with each label follows from the text.
public struct ZeroShotClassification: TextTask {
  /// A text, and labels of its own.
  public struct Input: Sendable, Hashable {
    /// The text.
    public var text: String
    /// The labels; nil for those of the task.
    public var labels: [String]?

    /// A text, with labels of its own or without.
    public init(_ text: String, labels: [String]? = nil) {
      self.text = text
      self.labels = labels
    }
  }

  private let model: TextModel
  private let entailment: Int
  private let contradiction: Int
  /// The labels where a text has none of its own.
  public var labels: [String]
  /// The sentence; the label takes the place of `{}`, and `{{` and `}}` are braces.
  public let template: String
  /// What stands between the places of the label.
  private let pieces: [String]
  /// True if labels are independent of each other: each has a probability of its own. It is so for a single label.
  public var isMultiLabel = false
  /// What is odd about the model, if anything.
  public let remarks: [String]

  /// Takes a model for inference, one of whose labels begins with `entail`, by `label2id` of its configuration or else by
  /// `id2label`; if none does, the last one is taken for it, as in the reference.
  ///
  /// - Throws: `unsupported` for a model with another head, `malformed` for a template without `{}`, or with other braces.
  public init(
    _ model: TextModel, labels: [String] = [], template: String = "This example is {}."
  ) throws(CheckpointError) {
    try model.require(.sequenceClassification, "does not label texts")
    pieces = try Self.pieces(of: template)
    self.model = model
    self.labels = labels
    self.template = template
    let known = model.model.configuration.labels
    let stated = try model.model.configuration.document["label2id"]?.members?
      .first { Self.entails($0.key.string) }?.value.integer
    let found =
      stated.flatMap { (0..<known.count).contains($0) ? $0 : nil }
      ?? (0..<known.count).first { Self.entails(known.name(of: $0)) }
    entailment = found ?? max(0, known.count - 1)
    contradiction = entailment == 0 && found != nil ? max(0, known.count - 1) : 0
    remarks =
      found == nil
      ? [
        "no label of the model begins with \"entail\"; the last one, "
          + "\(quoted(known.name(of: entailment))), is taken for it"
      ] : []
  }

  /// `text` or `sequence`, and `labels`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> Input {
    Input(try row.text("text", "sequence"), labels: try row.texts("labels"))
  }

  /// The labels of texts, the most probable first.
  ///
  /// - Returns: For a text without labels `notFound`.
  public func answers(to inputs: [Input]) -> [Result<[LabelScore], CheckpointError>] {
    let labels = inputs.map { $0.labels ?? self.labels }
    let pairs = zip(inputs, labels).map { input, labels in
      labels.map { label in
        TokenizerInput(input.text, pair: pieces.joined(separator: label))
      }
    }
    var encodings = self.encodings(of: Array(pairs.joined()))[...]
    let rows = labels.map { labels in
      Result { () throws(CheckpointError) in
        let own = encodings.prefix(labels.count)
        encodings = encodings.dropFirst(labels.count)
        guard !labels.isEmpty else {
          throw CheckpointError(.notFound, field: "labels", "there is no label to choose")
        }
        return try own.map { (encoding) throws(CheckpointError) in try encoding.get() }
      }
    }
    let logits = model.run(rows) { (outputs, _) throws(CheckpointError) in
      try outputs.rows("logits")
    }
    return zip(labels, logits).map { labels, logits in
      logits.map { scored(labels, $0) }
    }
  }

  /// `labels`: a list of `label` and `score`.
  public func members(of output: [LabelScore]) -> [JSONValue.Member] {
    let labels = output.map {
      [
        JSONValue.Member("label", .string($0.label)),
        JSONValue.Member("score", .double($0.score)),
      ]
    }
    return [JSONValue.Member("labels", .array([JSONValue](labels)))]
  }

  private static func entails(_ label: String) -> Bool { label.lowercased().hasPrefix("entail") }

  /// What stands before, between and behind the places of a label, as `str.format` of Python reads a template with one argument and
  /// without conversions.
  private static func pieces(of template: String) throws(CheckpointError) -> [String] {
    var pieces = [""]
    var forms: [String] = []
    var rest = Substring(template).unicodeScalars[...]
    while let scalar = rest.first {
      if let form = ["{}", "{0}"].first(where: { rest.starts(with: $0.unicodeScalars) }) {
        pieces.append("")
        forms.append(form)
        rest = rest.dropFirst(form.unicodeScalars.count)
      } else {
        let isBrace = scalar == "{" || scalar == "}"
        guard !isBrace || rest.dropFirst().first == scalar else {
          throw CheckpointError(
            .malformed, field: "template", "\(quoted(template)) has a brace that is no place",
            remedy: "write {} where the label is to stand, {{ and }} for braces")
        }
        pieces[pieces.count - 1].unicodeScalars.append(scalar)
        rest = rest.dropFirst(isBrace ? 2 : 1)
      }
    }
    guard pieces.count > 1 else {
      throw CheckpointError(
        .malformed, field: "template", "\(quoted(template)) has no place for a label",
        remedy: "write {} where the label is to stand")
    }
    guard forms == ["{}"] || !forms.contains("{}") else {
      throw CheckpointError(
        .malformed, field: "template",
        "\(quoted(template)) has places for more than one text, and a label is one",
        remedy: "write {0} wherever the label is to stand")
    }
    return pieces
  }

  /// Pairs of which the first text is cut; where that cannot help they stay whole, and may be too long (`_parse_and_tokenize`).
  private func encodings(of pairs: [TokenizerInput]) -> [Result<Encoding, CheckpointError>] {
    var whole = model
    whole.cutsTexts = false
    let encodings = model.encodings(of: pairs, cutting: .onlyFirst, upTo: model.maximumLength)
    return zip(pairs, encodings).map { pair, encoding in
      if case .failure = encoding, model.cutsTexts { return whole.encodings(of: [pair])[0] }
      return encoding
    }
  }

  private func scored(_ labels: [String], _ logits: [[Float]]) -> [LabelScore] {
    let scores: [Float] =
      isMultiLabel || labels.count == 1
      ? logits.map {
        ScoreProcessor.probabilities(of: [$0[contradiction], $0[entailment]])[1]
      }
      : ScoreProcessor.probabilities(of: logits.map { $0[entailment] })
    // Of equal ones the last comes first, as in the reference.
    let order = scores.indices.sorted { (scores[$0], $0) > (scores[$1], $1) }
    return order.map { LabelScore(label: labels[$0], score: Double(scores[$0])) }
  }
}
