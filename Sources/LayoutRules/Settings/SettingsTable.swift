package import CheckpointBytes

/// What a family's `config.json` says under which keys: the one place from which it is read, compared with weights, and
/// written. Defaults are those of the configuration class in Transformers 5.23.
package struct SettingsTable: Sendable {
  /// A number of things.
  package struct Count: Sendable {
    /// The key, and the general ones that mean the same (`attribute_map`): where several are there, the last is set last.
    package let keys: [String]
    package let standard: Int

    package init(_ keys: String..., default standard: Int) {
      self.keys = keys
      self.standard = standard
    }

    /// The key that is written.
    package var key: String { keys[0] }
  }

  /// The epsilon of the norms.
  package enum Epsilon: Sendable {
    case stated(String, default: Double)
    case constant(Double)
  }

  /// The defaults of `summary_type`, `summary_activation` and `summary_proj_to_labels`. Of the last one no other value gives what the
  /// heads that sum up are for.
  package struct Summary: Sendable {
    package let type: String
    package let activation: String?
    package let projectsToLabels: Bool

    package init(type: String, activation: String?, projectsToLabels: Bool) {
      self.type = type
      self.activation = activation
      self.projectsToLabels = projectsToLabels
    }
  }

  /// Whether a token sees only itself and those before it.
  package enum Causality: Sendable, Hashable {
    /// By this key.
    case stated(String)
    case always
    case never
  }

  package var vocabulary: Count
  package var hidden = Count("hidden_size", default: 768)
  /// The width of the embeddings; nil where it is the model's.
  package var embedding: Count?
  package var layers = Count("num_hidden_layers", default: 12)
  package var heads = Count("num_attention_heads", default: 12)
  /// Where null is no error, it is four times the width, as it is by default.
  package var intermediate = Count("intermediate_size", default: 3072)
  package var isIntermediateOptional = false
  package var positions = Count("max_position_embeddings", default: 512)
  /// Nil if there are no token types.
  package var tokenTypes: Count? = Count("type_vocab_size", default: 2)
  package var activation: (key: String, standard: String) = ("hidden_act", "gelu")
  package var epsilon = Epsilon.stated("layer_norm_eps", default: 1e-12)
  package var causality = Causality.stated("is_decoder")
  package var padTokenID: Int?
  package var bosTokenID: Int?
  package var eosTokenIDs: [Int] = []
  /// The keys of the dropout of hidden layers, of attention, and before a classifier.
  package var dropout = (
    hidden: "hidden_dropout_prob", attention: "attention_probs_dropout_prob",
    classifier: "classifier_dropout"
  )
  /// True if `num_labels` is the width of a question answering head, which is two in any case otherwise.
  package var countsSpansAsLabels = true
  /// The epsilon of the published models.
  package var publishedEpsilon = 1e-12
  /// How a sequence is summed up in one row; nil if no head does.
  package var summary: Summary?
  /// True for GPT-2's further settings: how attention is scaled, and what the last of the hidden states is.
  package var hasDecoderSettings = false

  package init(vocabulary: Int) {
    self.vocabulary = Count("vocab_size", default: vocabulary)
  }

  /// The key of the epsilon; nil where it is a constant.
  package var epsilonKey: String? {
    guard case .stated(let key, _) = epsilon else { return nil }
    return key
  }
}

/// What a `config.json` of Transformers says of a model of a family; what it does not say has the default.
package struct ModelSettings: Sendable, Hashable {
  /// The classes that the checkpoint was saved from.
  package var architectures: [String]
  /// The sizes, all but the number of labels.
  package var sizes: ModelSizes
  package var activation: String
  package var epsilon: Double
  package var padTokenID: Int?
  package var bosTokenID: Int?
  package var eosTokenIDs: [Int]
  package var isCausal: Bool
  package var tiesWordEmbeddings: Bool
  package var labels: ClassLabels

  /// Reads the settings.
  ///
  /// - Throws: `malformed` for a value of the wrong type, null among them where the reference makes no model of it;
  ///   `inconsistent` for heads that do not divide the width.
  package init(
    _ reader: SettingsReader, _ document: JSONValue, of family: ModelFamily
  ) throws(CheckpointError) {
    let table = family.definition.settings
    architectures = try reader.strings("architectures")
    let hidden = try reader.count(table.hidden)
    let heads = try reader.count(table.heads)
    sizes = ModelSizes(
      hidden: hidden,
      embedding: try table.embedding.map { (key) throws(CheckpointError) in try reader.count(key) },
      layers: try reader.count(table.layers),
      intermediate: try reader.intermediate(table, hidden: hidden),
      vocabulary: try reader.count(table.vocabulary),
      positions: try reader.count(table.positions), heads: heads)
    if let types = table.tokenTypes { sizes.tokenTypes = try reader.count(types) }
    activation = try reader.string(
      ExactName(table.activation.key), default: table.activation.standard)
    switch table.epsilon {
    case .stated(let key, let standard):
      epsilon = try reader.number(ExactName(key), default: standard)
    case .constant(let value): epsilon = value
    }
    padTokenID = try reader.optionalInteger("pad_token_id", default: table.padTokenID)
    bosTokenID = try reader.optionalInteger("bos_token_id", default: table.bosTokenID)
    eosTokenIDs = try reader.integers("eos_token_id", default: table.eosTokenIDs)
    switch table.causality {
    case .stated(let key): isCausal = try reader.boolean(ExactName(key), default: false)
    case .always: isCausal = true
    case .never: isCausal = false
    }
    tiesWordEmbeddings = try reader.boolean("tie_word_embeddings", default: true)
    labels = try ClassLabels(document, file: reader.file)
    guard hidden.isMultiple(of: heads) else {
      throw reader.failure(
        .inconsistent, ExactName(table.heads.key),
        "\(table.hidden.key) \(hidden) is no multiple of \(heads) heads")
    }
  }
}

extension SettingsReader {
  /// A number of things; of several keys for one thing the last that is there counts, as in the reference.
  fileprivate func count(_ setting: SettingsTable.Count) throws(CheckpointError) -> Int {
    var number = setting.standard
    for key in setting.keys { number = try count(ExactName(key), default: number) }
    return number
  }

  private func isNull(_ key: String) -> Bool { value(ExactName(key)) == .null }

  fileprivate func intermediate(
    _ table: SettingsTable, hidden: Int
  ) throws(CheckpointError) -> Int {
    let key = table.intermediate.key
    guard table.isIntermediateOptional, value(ExactName(key)) == nil || isNull(key) else {
      return try count(table.intermediate)
    }
    let (fourfold, overflow) = hidden.multipliedReportingOverflow(by: 4)
    guard !overflow else {
      throw failure(
        .inconsistent, ExactName(table.hidden.key), "\(hidden) is more than can be counted")
    }
    return fourfold
  }
}
