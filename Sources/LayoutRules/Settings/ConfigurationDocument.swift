public import CheckpointBytes

/// A configuration file to be written, and what is to be said about it.
public struct ConfigurationDocument: Sendable {
  /// The document.
  public internal(set) var value: JSONValue
  /// What neither the weights nor a configuration say, and was taken from the published models, in words.
  public internal(set) var assumptions: [String] = []
  /// What the framework computes with a constant of its own, whatever was set.
  public internal(set) var losses: [SettingLoss] = []

  /// The text, as `json.dump(indent=2)` writes it, with a final line feed.
  public var bytes: [UInt8] {
    Array((JSONWriter.text(value, style: .indented) + "\n").utf8)
  }
}

/// A setting that a framework has no place for: outputs differ slightly, or nothing but training and wording does.
public struct SettingLoss: Sendable, Hashable {
  /// The setting and its value: `activation gelu`.
  public let setting: String
  /// The name by which it can be allowed, if outputs change: the key in the configuration. Nil if only training or
  /// wording does.
  public let key: ExactName?
  /// What the framework does instead.
  public let reason: String
}

extension ConfigurationDocument {
  /// Transformers' `config.json` (5.23; 4.41 reads it too) for a model of which nothing but the weights is known.
  ///
  /// Epsilon, activation and special tokens are those of the published models of the family; dropout is left to the
  /// library's default.
  /// - Parameters:
  ///   - architecture: The architecture that is meant.
  ///   - attentionHeads: The number of heads, where the caller knows it; else the architecture's, else one for every 64
  ///     of the width, for widths of which the published models have them so.
  ///   - vocabulary: The ids of the tokenizer's tokens, where there is one.
  /// - Throws: `inconsistent` if the heads do not divide the width; `notFound` if their number is not known and the width
  ///   is none of those.
  public static func transformers(
    for architecture: ModelArchitecture, attentionHeads: Int? = nil,
    vocabulary: [ExactName: Int]? = nil
  ) throws(CheckpointError) -> ConfigurationDocument {
    var document = ConfigurationDocument(value: .null)
    var sizes = architecture.sizes
    sizes.heads = try document.heads(of: sizes, stated: attentionHeads)
    let family = architecture.family
    document.assumptions.append(
      "epsilon and activation are those of the published \(family) models")
    document.setTransformers(
      family, architecture.head, sizes, epsilon: family.definition.settings.publishedEpsilon,
      activation: family.definition.settings.activation.standard, vocabulary)
    return document
  }

  /// Transformers' `config.json` for a model of KerasHub: sizes by the weights, the rest by KerasHub's configuration.
  ///
  /// The activation becomes the one that KerasHub computes: its BERT and GPT-2 approximate GELU by tanh (`gelu_new`).
  public static func transformers(
    for architecture: ModelArchitecture, from configuration: ModelConfiguration,
    vocabulary: [ExactName: Int]? = nil
  ) -> ConfigurationDocument {
    var document = ConfigurationDocument(value: .null)
    let family = architecture.family
    let head = architecture.head
    var sizes = architecture.sizes
    sizes.heads = configuration.sizes.heads
    if family.kerasHub?.hasHeadOfItsOwn == true, head == .maskedLM || head == .preTraining {
      document.losses.append(
        SettingLoss(
          setting: "the head's exact GELU and its epsilon 1e-5", key: "masked_lm_head",
          reason:
            "Transformers computes the head with the body's \(configuration.activation) and "
            + "\(configuration.normalizationEpsilon)"
        ))
    }
    if let activation = configuration.scoreActivation {
      document.losses.append(
        SettingLoss(
          setting: "activation \(singleLine(activation, limit: 100)) of the classifier",
          key: "activation", reason: "Transformers' classes give the scores that it is applied to"))
    }
    document.setTransformers(
      family, head, sizes, epsilon: configuration.normalizationEpsilon,
      activation: configuration.activation, vocabulary)
    return document
  }

  mutating func heads(
    of sizes: ModelSizes, stated: Int?
  ) throws(CheckpointError) -> Int {
    func refusal(_ kind: FailureKind, _ problem: String) -> CheckpointError {
      CheckpointError(
        kind, CheckpointError.Site(field: "attention heads"), problem,
        remedy: "say their number with \(remedy: .attentionHeads)")
    }
    if let stated, let known = sizes.heads, stated != known {
      throw refusal(.inconsistent, "\(stated) are stated, the weights have \(known)")
    }
    if let heads = stated ?? sizes.heads {
      guard heads > 0, sizes.hidden.isMultiple(of: heads) else {
        throw refusal(.inconsistent, "\(heads) heads do not divide the width \(sizes.hidden)")
      }
      return heads
    }
    guard Self.widthsOfSuchHeads.contains(sizes.hidden) else {
      throw refusal(
        .notFound,
        "weights do not show their number, and models of the width \(sizes.hidden) differ in it")
    }
    let heads = sizes.hidden / 64
    assumptions.append(
      "\(heads) attention heads of width 64, as in the published models of this width: weights do not show it"
    )
    return heads
  }

  /// Widths of which the published models have heads of width 64: BERT's from tiny to large, GPT-2's from small to XL. MiniLM's 384
  /// are twelve heads of 32, XLM-RoBERTa-XL's 2,560 are of 80.
  private static let widthsOfSuchHeads: Set<Int> = [128, 256, 512, 768, 1_024, 1_280, 1_600]

  private mutating func setTransformers(
    _ family: ModelFamily, _ head: ModelHead, _ sizes: ModelSizes, epsilon: Double,
    activation: String, _ vocabulary: [ExactName: Int]?
  ) {
    var members: [(String, JSONValue)] = [
      ("architectures", .array([.string(head.className(in: family) ?? "")])),
      ("model_type", .string(family.name)),
      ("vocab_size", .integer(sizes.vocabulary)),
    ]
    let table = family.definition.settings
    members += [
      (table.hidden.key, .integer(sizes.hidden)), (table.layers.key, .integer(sizes.layers)),
      (table.heads.key, .integer(sizes.heads ?? 0)),
      (table.intermediate.key, .integer(sizes.intermediate)),
      (table.positions.key, .integer(sizes.positions)),
    ]
    if let width = table.embedding { members.append((width.key, .integer(sizes.embedding))) }
    if let types = table.tokenTypes { members.append((types.key, .integer(sizes.tokenTypes))) }
    members.append((table.activation.key, .string(activation)))
    if let key = table.epsilonKey { members.append((key, .double(epsilon))) }
    if head == .causalLM, case .stated(let key) = table.causality {
      members.append((key, .boolean(true)))
      assumptions.append("\(key): a causal language model attends to what is before it only")
    }
    members += specialTokens(family, vocabulary, rows: sizes.vocabulary)
    if head.hasLabels, sizes.labels != 2 {
      let names = (0..<sizes.labels).map { "LABEL_\($0)" }
      let numbered = names.enumerated().map { index, name in
        JSONValue.Member(ExactName(String(index)), .string(name))
      }
      let named = names.enumerated().map { index, name in
        JSONValue.Member(ExactName(name), .integer(index))
      }
      members += [("id2label", .object(numbered)), ("label2id", .object(named))]
    }
    members.append(("tie_word_embeddings", .boolean(true)))
    value = .object(members.map { JSONValue.Member(ExactName($0.0), $0.1) })
  }

  /// The special tokens by the names that the published models give them: their ids are the vocabulary's, or else those of
  /// the published models, as far as there are embeddings for them.
  private mutating func specialTokens(
    _ family: ModelFamily, _ vocabulary: [ExactName: Int]?, rows: Int
  ) -> [(String, JSONValue)] {
    return family.definition.tokenizer.roles.map { role in
      let key = role.key
      let published = role.id
      let token = ExactName(role.token)
      let id = vocabulary.map { $0[token] } ?? published
      guard let id, id < rows else {
        assumptions.append("there is no \(key)")
        return (key, .null)
      }
      if vocabulary == nil { assumptions.append("\(key) \(id), as in the published models") }
      return (key, .integer(id))
    }
  }
}
