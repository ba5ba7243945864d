internal import CheckpointBytes

extension ModelConfiguration {
  /// Reads Transformers' form, with the defaults of 5.23 (``SettingsTable``).
  init(
    transformers reader: SettingsReader, document: JSONValue, file: String,
    among families: FamilyList, family: @autoclosure () -> ModelFamily?
  ) throws(CheckpointError) {
    let classNames = try reader.strings("architectures")
    let family = try Self.family(reader, classNames, families, otherwise: family)
    let settings = try ModelSettings(reader, document, of: family)
    convention = .transformers
    self.file = file
    self.document = document
    self.family = family
    self.classNames = classNames
    heads = classNames.compactMap { ModelHead(className: $0, in: family) }
    labelCount = settings.labels.count
    var sizes = settings.sizes
    if heads.first?.hasLabels == true { sizes.labels = labelCount }
    self.sizes = sizes
    tiesWordEmbeddings = settings.tiesWordEmbeddings
    normalizationEpsilon = settings.epsilon
    activation = settings.activation
    scoreActivation = nil
  }

  /// `model_type` decides; the very first files have none, and then the class names do, or whoever knows the weights. Where the
  /// class names are of another family, whoever knows it has to agree with `model_type`.
  private static func family(
    _ reader: SettingsReader, _ classNames: [String], _ families: FamilyList,
    otherwise: () -> ModelFamily?
  ) throws(CheckpointError) -> ModelFamily {
    let named = families.families.first { family in
      classNames.contains { ModelHead(className: $0, in: family) != nil }
    }
    guard let type = try reader.optionalString("model_type") else {
      guard let family = named ?? (classNames.isEmpty ? otherwise() : nil) else {
        let example = "BertModel"
        throw reader.failure(
          .notFound, "model_type",
          "neither model_type nor architectures names the model"
            + (classNames.isEmpty ? ", and the weights do not show it" : ""),
          remedy: "name its class, as with \(remedy: .modelClass(example))")
      }
      return family
    }
    guard let family = families[type] else {
      throw reader.failure(
        .unsupported, "model_type", "expected \(families.names), found \(quoted(type))")
    }
    guard named == nil || named == family || otherwise() == family else {
      throw reader.failure(
        .inconsistent, "architectures",
        "\(classNames.joined(separator: ", ")) is no class of model_type \(type)")
    }
    return family
  }
}
