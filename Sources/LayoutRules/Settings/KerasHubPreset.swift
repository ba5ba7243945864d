public import CheckpointBytes

/// The configuration files of a KerasHub preset (0.32), all but the tokenizer's.
///
/// `model.weights.h5` holds the backbone's weights under their own names, without the `layers/bert_backbone/` that they
/// have inside a task; `task.weights.h5` holds the task's other weights. A task of which nothing is left beside the
/// backbone (GPT2CausalLM) has no second file.
public struct KerasHubPreset: Sendable {
  /// `config.json`: the backbone.
  public let backbone: JSONValue
  /// `task.json`; nil for a backbone alone.
  public let task: JSONValue?
  /// `preprocessor.json`; nil without a task or a tokenizer.
  public let preprocessor: JSONValue?
  /// `metadata.json`, without the date, which would make two conversions differ.
  public let metadata: JSONValue
  /// What was taken from the published models, in words.
  public let assumptions: [String]
  /// What KerasHub computes with a constant of its own or has no place for.
  public let losses: [SettingLoss]

  /// Describes a model for KerasHub.
  ///
  /// - Parameters:
  ///   - architecture: The model. KerasHub's BERT has a pooler always; whether the weights can be written is
  ///     ``SavePlan``'s to say.
  ///   - configuration: What is known of it beside its weights, in Transformers' form.
  ///   - attentionHeads: Their number, where the caller knows it.
  ///   - tokenizer: The serialised tokenizer; with it a task takes text.
  /// - Throws: `unsupported`, naming the key, for a setting that KerasHub cannot compute; `inconsistent` or `notFound`
  ///   for the number of heads.
  public init(
    _ architecture: ModelArchitecture, configuration: ModelConfiguration?,
    attentionHeads: Int? = nil, tokenizer: JSONValue? = nil
  ) throws(CheckpointError) {
    let family = architecture.family
    let head = architecture.head
    // BertForPreTraining is a masked language model with one more head, for which KerasHub has no place.
    let taskClass = (head == .preTraining ? .maskedLM : head).kerasHubTask(in: family)
    guard let keras = family.kerasHub else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "model_type"),
        "KerasHub has no \(family)", remedy: "choose another layout")
    }
    guard head == .base || taskClass != nil else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "architectures"),
        "KerasHub has no task for \(head.className(in: family) ?? "")",
        remedy: "convert the body alone, or choose another layout")
    }
    var document = ConfigurationDocument(value: .null)
    if let configuration { try document.addLosses(of: configuration, head: head) }
    var sizes = architecture.sizes
    sizes.heads = try document.heads(
      of: sizes, stated: attentionHeads ?? configuration?.sizes.heads)
    let dropout = configuration?.dropout ?? .double(0.1)
    let maximumLength = sizes.positions - family.unusedPositions
    guard maximumLength > 0 else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "max_position_embeddings"),
        "\(sizes.positions) rows leave no position for a token")
    }
    let backbone = Self.backbone(keras, sizes, maximumLength, dropout)
    self.backbone = backbone
    if let taskClass {
      let module = Self.module(keras, taskClass)
      let preprocessor = tokenizer.map { tokenizer in
        Self.serialized(
          taskClass + "Preprocessor", in: module + "_preprocessor",
          [
            ("name", .string(taskClass.kerasName + "_preprocessor")), ("tokenizer", tokenizer),
            ("config_file", .string("preprocessor.json")),
            ("sequence_length", .integer(maximumLength)),
          ])
      }
      var members: [(String, JSONValue)] = [
        ("backbone", backbone), ("preprocessor", preprocessor ?? .null),
        ("name", .string(taskClass.kerasName)),
      ]
      if head.hasLabels {
        members += [
          ("num_classes", .integer(sizes.labels)), ("activation", .string("linear")),
        ]
        // The width of the layer before the last is the model's in Transformers.
        if keras.hasHiddenClassifier { members.append(("hidden_dim", .integer(sizes.hidden))) }
        let ownDefault = JSONValue.double(keras.classifierDropout)
        members.append(("dropout", configuration?.classifierDropout ?? ownDefault))
      }
      task = Self.serialized(taskClass, in: module, members)
      self.preprocessor = preprocessor
    } else {
      task = nil
      preprocessor = nil
    }
    metadata = Self.object([
      ("keras_version", .string("3.15.1")), ("keras_hub_version", .string("0.32.0")),
      ("tasks", .array(keras.tasks.map { .string($0) })),
    ])
    assumptions = document.assumptions
    losses = document.losses
  }

  /// A Keras object as `keras.saving.serialize_keras_object` writes it.
  public static func serialized(
    _ className: String, in module: String, _ configuration: [(String, JSONValue)]
  ) -> JSONValue {
    object([
      ("module", .string(module)), ("class_name", .string(className)),
      ("config", object(configuration)), ("registered_name", .string("keras_hub>" + className)),
    ])
  }

  /// The module of a class: every class has one of its own.
  package static func module(_ family: KerasHubFamily, _ className: String) -> String {
    "keras_hub.src.models.\(family.package).\(className.kerasName)"
  }

  private static func object(_ members: [(String, JSONValue)]) -> JSONValue {
    .object(members.map { JSONValue.Member(ExactName($0.0), $0.1) })
  }

  private static func backbone(
    _ keras: KerasHubFamily, _ sizes: ModelSizes, _ maximumLength: Int, _ dropout: JSONValue
  ) -> JSONValue {
    let policy = object([
      ("module", .string("keras")), ("class_name", .string("DTypePolicy")),
      ("config", object([("name", .string("float32"))])), ("registered_name", .null),
    ])
    let name = keras.backbone
    var members: [(String, JSONValue)] = [
      ("name", .string(name.kerasName)), ("trainable", .boolean(true)), ("dtype", policy),
      (keras.vocabulary, .integer(sizes.vocabulary)), ("num_layers", .integer(sizes.layers)),
      ("num_heads", .integer(sizes.heads ?? 0)), ("hidden_dim", .integer(sizes.hidden)),
    ]
    if let key = keras.embedding { members.append((key, .integer(sizes.embedding))) }
    members += [
      ("intermediate_dim", .integer(sizes.intermediate)), ("dropout", dropout),
      ("max_sequence_length", .integer(maximumLength)),
    ]
    if keras.tokenTypes == .stated {
      members.append(("num_segments", .integer(sizes.tokenTypes)))
    }
    return serialized(name, in: module(keras, name), members)
  }
}
