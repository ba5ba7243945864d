internal import CheckpointBytes

extension ModelConfiguration {
  /// Reads KerasHub's form: a serialised backbone, and a task around it, in a file of its own as a preset has it, or in this
  /// one, as Keras saves the task (`.keras`).
  ///
  /// Epsilon and activation are constants there (``KerasHubFamily``).
  init(
    kerasHub reader: SettingsReader, task: SettingsReader?, document: JSONValue, file: String,
    among families: FamilyList
  ) throws(CheckpointError) {
    let outer = try reader.optionalString("class_name")
    let isTask = families.families.contains { family in
      family.heads.contains { outer != nil && $0.kerasHubTask(in: family) == outer }
    }
    let task = isTask ? reader : task
    let reader = isTask ? try reader.object("config").object("backbone") : reader
    let name = try reader.optionalString("class_name") ?? ""
    guard let family = families.families.first(where: { $0.kerasHub?.backbone == name }),
      let keras = family.kerasHub
    else {
      let known = families.families.compactMap { $0.kerasHub?.backbone }
      throw reader.failure(
        .unsupported, "class_name",
        "expected \(known.joined(separator: ", ")), or a task of one, found \(quoted(name))")
    }
    let backbone = try reader.object("config")
    let positions = try backbone.count("max_sequence_length")
    let (rows, overflow) = positions.addingReportingOverflow(family.unusedPositions)
    guard !overflow else {
      throw backbone.failure(
        .inconsistent, "max_sequence_length", "\(positions) is more than can be counted")
    }
    var sizes = ModelSizes(
      hidden: try backbone.count("hidden_dim"),
      embedding: try keras.embedding.map { (key) throws(CheckpointError) in
        try backbone.count(ExactName(key))
      },
      layers: try backbone.count("num_layers"),
      intermediate: try backbone.count("intermediate_dim"),
      vocabulary: try backbone.count(ExactName(keras.vocabulary)), positions: rows,
      heads: try backbone.count("num_heads"))
    switch keras.tokenTypes {
    case .stated:
      sizes.tokenTypes = backbone.has("num_segments") ? try backbone.count("num_segments") : 2
    case .constant(let count): sizes.tokenTypes = count
    }
    var classNames = [name]
    var heads = [ModelHead.base]
    var labels = 2
    var scoreActivation: String?
    if let task {
      let taskName = try task.optionalString("class_name") ?? ""
      classNames = [taskName]
      heads = family.heads.filter { $0.kerasHubTask(in: family) == taskName }
      if heads.contains(where: \.hasLabels) {
        let settings = try task.object("config")
        labels = try settings.count("num_classes")
        // A name, or an object of a layer or a function.
        let applied = settings.value("activation") ?? .null
        let name = applied.string ?? applied["class_name"]?.string ?? JSONWriter.text(applied)
        if applied != .null, name != "linear" { scoreActivation = name }
      }
      let inner = try task.object("config").object("backbone")
      guard try inner.optionalString("class_name") == name else {
        throw task.failure(
          .inconsistent, "config.backbone.class_name",
          "expected \(name) as in \(file), found another")
      }
    }
    guard let count = sizes.heads, sizes.hidden.isMultiple(of: count) else {
      throw backbone.failure(
        .inconsistent, "num_heads",
        "\(sizes.heads ?? 0) heads do not divide the width \(sizes.hidden)")
    }
    if heads.first?.hasLabels == true { sizes.labels = labels }
    convention = .kerasHub
    self.file = file
    self.document = document
    self.family = family
    self.classNames = classNames
    self.heads = heads
    self.sizes = sizes
    labelCount = labels
    tiesWordEmbeddings = true
    normalizationEpsilon = keras.epsilon
    activation = keras.activation
    self.scoreActivation = scoreActivation
  }
}

extension ModelFamily {
  /// The family in KerasHub; nil if it is not there.
  package var kerasHub: KerasHubFamily? { definition.kerasHub }
}

extension ModelHead {
  /// The task's class in KerasHub 0.32; nil for a backbone alone, or if it has no such task.
  public func kerasHubTask(in family: ModelFamily) -> String? {
    family.definition.heads[self]?.kerasHubTask
  }
}
