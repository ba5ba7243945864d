internal import CheckpointBytes

extension ModelConfiguration {
  /// Reads KerasHub's form: a serialised backbone, and a task around it, in a file of its own as a preset has it, or in this
  /// one, as Keras saves the task (`.keras`).
  ///
  /// Epsilon and activation are constants there (`bert_backbone.py`, `gpt2_backbone.py`, `roberta_backbone.py`, 0.32).
  init(
    kerasHub reader: ConfigurationReader, task: ConfigurationReader?
  ) throws(CheckpointError) {
    let isTask = ModelFamily.allCases.contains { family in
      let name = try? reader.string("class_name")
      return family.heads.contains { name != nil && $0.kerasHubTask(in: family) == name }
    }
    let task = isTask ? reader : task
    let reader = isTask ? try reader.object("config").object("backbone") : reader
    let name = try reader.string("class_name") ?? ""
    guard let family = ModelFamily.allCases.first(where: { $0.kerasHubBackbone == name }) else {
      throw reader.failure(
        .unsupported, "class_name",
        "expected BertBackbone, GPT2Backbone or RobertaBackbone, or a task of one, found \(quoted(name))"
      )
    }
    let backbone = try reader.object("config")
    let positions = try backbone.size("max_sequence_length")
    let (rows, overflow) = positions.addingReportingOverflow(family.unusedPositions)
    guard !overflow else {
      throw backbone.failure(
        .inconsistent, "max_sequence_length", "\(positions) is more than can be counted")
    }
    let sizes = ModelSizes(
      hidden: try backbone.size("hidden_dim"), layers: try backbone.size("num_layers"),
      intermediate: try backbone.size("intermediate_dim"),
      vocabulary: try backbone.size("vocabulary_size"), positions: rows,
      tokenTypes: family == .bert
        ? try backbone.size("num_segments", default: 2) : family == .gpt2 ? 0 : 1,
      heads: try backbone.size("num_heads"))
    var classNames = [name]
    var heads = [ModelHead.base]
    var labels = 2
    if let task {
      let taskName = try task.string("class_name") ?? ""
      classNames = [taskName]
      heads = family.heads.filter { $0.kerasHubTask(in: family) == taskName }
      if heads.contains(where: \.hasLabels) {
        labels = try task.object("config").size("num_classes")
      }
      let inner = try task.object("config").object("backbone")
      guard try inner.string("class_name") == name else {
        throw task.failure(
          .inconsistent, "config.backbone.class_name",
          "expected \(name) as in \(reader.file), found another")
      }
    }
    try self.init(
      reader, convention: .kerasHub, family: family, classNames: classNames, heads: heads,
      sizes: sizes, labelCount: labels, tiesWordEmbeddings: true,
      normalizationEpsilon: family == .bert ? 1e-12 : 1e-5,
      activation: family == .roberta ? "gelu" : "gelu_new")
  }
}

extension ModelFamily {
  /// The backbone's class in KerasHub 0.32.
  public var kerasHubBackbone: String {
    switch self {
    case .bert: "BertBackbone"
    case .gpt2: "GPT2Backbone"
    case .roberta: "RobertaBackbone"
    }
  }

  /// The rows of Transformers' position embeddings that no token has: RoBERTa counts from the padding index plus 1
  /// (`create_position_ids_from_input_ids`, 5.23), and all its models pad with 1.
  public var unusedPositions: Int { self == .roberta ? 2 : 0 }
}

extension ModelHead {
  /// The task's class in KerasHub 0.32; nil for a backbone alone, or if it has no such task.
  public func kerasHubTask(in family: ModelFamily) -> String? {
    switch (family, self) {
    case (.bert, .maskedLM): "BertMaskedLM"
    case (.bert, .sequenceClassification): "BertTextClassifier"
    case (.roberta, .maskedLM): "RobertaMaskedLM"
    case (.roberta, .sequenceClassification): "RobertaTextClassifier"
    case (.gpt2, .causalLM): "GPT2CausalLM"
    default: nil
    }
  }
}
