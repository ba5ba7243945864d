internal import CheckpointBytes

extension ModelConfiguration {
  /// Reads Transformers' form. Defaults: `BertConfig`, `GPT2Config`, `RobertaConfig` of 5.23 (`configuration_*.py`).
  init(
    transformers reader: ConfigurationReader, family: @autoclosure () -> ModelFamily?
  ) throws(CheckpointError) {
    let classNames = try reader.strings("architectures")
    let family = try Self.family(reader, classNames, otherwise: family)
    let heads = classNames.compactMap { ModelHead(className: $0, in: family) }
    let settings = try family == .gpt2 ? Self.gpt2(reader) : Self.encoder(reader, family)
    let labels = try ClassLabels(reader.document, file: reader.file).count
    try self.init(
      reader, convention: .transformers, family: family, classNames: classNames, heads: heads,
      sizes: settings.sizes, labelCount: labels,
      tiesWordEmbeddings: try reader.flag("tie_word_embeddings", default: true),
      normalizationEpsilon: settings.epsilon, activation: settings.activation)
  }

  /// `model_type` decides; the very first files have none, and then the class names do, or whoever knows the weights.
  private static func family(
    _ reader: ConfigurationReader, _ classNames: [String], otherwise: () -> ModelFamily?
  ) throws(CheckpointError) -> ModelFamily {
    let named = ModelFamily.allCases.first { family in
      classNames.contains { ModelHead(className: $0, in: family) != nil }
    }
    guard let type = try reader.string("model_type") else {
      guard let family = named ?? (classNames.isEmpty ? otherwise() : nil) else {
        throw reader.failure(
          .notFound, "model_type",
          "neither model_type nor architectures names the model"
            + (classNames.isEmpty ? ", and the weights do not show it" : ""),
          remedy: "name its class, as with --architecture BertModel")
      }
      return family
    }
    guard let family = ModelFamily(rawValue: type) else {
      throw reader.failure(
        .unsupported, "model_type", "expected bert, gpt2 or roberta, found \(quoted(type))")
    }
    guard named == nil || named == family else {
      throw reader.failure(
        .inconsistent, "architectures",
        "\(classNames.joined(separator: ", ")) is no class of model_type \(type)")
    }
    return family
  }

  private typealias Settings = (sizes: ModelSizes, epsilon: Double, activation: String)

  private static func encoder(
    _ reader: ConfigurationReader, _ family: ModelFamily
  ) throws(CheckpointError) -> Settings {
    // The classes differ in the size of the vocabulary only; published RoBERTas state the rest.
    let vocabulary = family == .bert ? 30_522 : 50_265
    let sizes = ModelSizes(
      hidden: try reader.size("hidden_size", default: 768),
      layers: try reader.size("num_hidden_layers", default: 12),
      intermediate: try reader.size("intermediate_size", default: 3072),
      vocabulary: try reader.size("vocab_size", default: vocabulary),
      positions: try reader.size("max_position_embeddings", default: 512),
      tokenTypes: try reader.size("type_vocab_size", default: 2),
      heads: try reader.size("num_attention_heads", default: 12))
    return (
      sizes, try reader.number("layer_norm_eps", default: 1e-12),
      try reader.string("hidden_act") ?? "gelu"
    )
  }

  /// Each size has two names (`GPT2Config.attribute_map`).
  private static func gpt2(_ reader: ConfigurationReader) throws(CheckpointError) -> Settings {
    let hidden = try reader.size("n_embd", "hidden_size", default: 768)
    let (inner, overflow) = hidden.multipliedReportingOverflow(by: 4)
    guard !overflow else {
      throw reader.failure(.inconsistent, "n_embd", "\(hidden) is more than can be counted")
    }
    let sizes = ModelSizes(
      hidden: hidden,
      layers: try reader.size("n_layer", "num_hidden_layers", default: 12),
      // `n_inner` is null in every published model (`modeling_gpt2.py`, GPT2Block).
      intermediate: try reader.size("n_inner", default: inner),
      vocabulary: try reader.size("vocab_size", default: 50_257),
      positions: try reader.size("n_positions", "max_position_embeddings", default: 1024),
      heads: try reader.size("n_head", "num_attention_heads", default: 12))
    return (
      sizes, try reader.number("layer_norm_epsilon", default: 1e-5),
      try reader.string("activation_function") ?? "gelu_new"
    )
  }
}
