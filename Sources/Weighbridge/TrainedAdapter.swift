internal import Adapters
public import CheckpointBytes
internal import Checkpoints
internal import Conversion
internal import LanguageModels
internal import LayoutRules
internal import OrderedCollections
internal import WeightGraph

/// A low-rank adapter that is trained in place of a model's weights: what is saved of it beside the numbers.
public struct TrainedAdapter: Sendable {
  /// `adapter_config.json`.
  public let document: JSONValue
  /// The parameters of the model that are stored whole: heads, what was drawn, and what the adapter had.
  public let wholeParameters: [String]
  /// Those of them that learn.
  let learnedParameters: [String]

  /// Saves an adapter as PEFT does, with `config.json` beside it, which has the labels.
  ///
  /// - Parameters:
  ///   - model: The model with the factors.
  ///   - directory: Where the files go; it is made if it is not there.
  ///   - replacesExisting: True if files of these names may be replaced.
  func save(
    of model: any LanguageModel, to directory: String, replacesExisting: Bool
  ) throws(CheckpointError) {
    var graph = WeightGraph()
    graph.facts.metadata = .entries(["format": "pt"])
    var adapted: Set<String> = []
    for factor in model.adapterParameters {
      for part in [".lora_A.weight", ".lora_B.weight"] where factor.name.hasSuffix(part) {
        adapted.insert(String(factor.name.dropLast(part.count)))
      }
      try graph.insert(
        try factor.weight, as: ExactName(LowRankAdapter.namePrefix + factor.name))
    }
    // Of tied ones each name has a place.
    for name in wholeParameters {
      guard let parameter = model.parameters[name] else { continue }
      try graph.insert(
        try parameter.weight, as: LowRankAdapter.storedName(of: ExactName(name), adapted: adapted))
    }
    try AdapterFiles(
      document: document, weights: graph, modelSettings: try model.savedSettings()
    ).write(to: directory, replacesExisting: replacesExisting)
  }
}

extension TrainedAdapter {
  /// A new one.
  ///
  /// - Parameters:
  ///   - new: The parameters that no checkpoint has.
  ///   - baseModel: What the model is called.
  /// - Throws: `unsupported` if a head of a language model is new.
  init(
    _ settings: LowRankSettings, of architecture: ModelArchitecture, new: [ExactName],
    baseModel: String
  ) throws(CheckpointError) {
    let whole = try architecture.wholeModules(new: new, withHead: true)
    wholeParameters = architecture.parameters(ofModules: whole)
    learnedParameters = wholeParameters
    document = try settings.document(
      of: architecture, whole: Array(whole), baseModel: baseModel)
  }

  /// One that is trained further: with the head, if it was trained for a task that has PEFT (0.21) store it whole, or names it.
  ///
  /// - Throws: `unsupported` for what is not trained, and if a head of a language model is new.
  init(
    _ adapter: LowRankAdapter, of architecture: ModelArchitecture, new: [ExactName]
  ) throws(CheckpointError) {
    let path = adapter.path
    if let problem = adapter.untrainable {
      throw CheckpointError(
        .unsupported, file: path, "an adapter with \(problem) runs, and is not trained",
        remedy: "merge it, and train a new one")
    }
    let tasks: [String?] = ["SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS"]
    let new = try architecture.wholeModules(
      new: new, withHead: tasks.contains(adapter.configuration.taskType))
    let known = adapter.configuration.modulesToSave
    let replaced = Set(adapter.replacements.map(\.name))
    let prefix = architecture.head == .base ? "" : architecture.family.bodyPrefix
    let drawn = Set(architecture.parameters(ofModules: new))
    wholeParameters = architecture.parameters.map(\.name).filter { name in
      let bare =
        name.hasPrefix(prefix) ? ExactName(String(name.string.dropFirst(prefix.count))) : name
      return drawn.contains(name.string) || replaced.contains(name) || replaced.contains(bare)
    }.map(\.string)
    learnedParameters = wholeParameters.filter {
      drawn.contains($0) || adapter.configuration.learns(ExactName($0))
    }
    let whole = known + new.filter { !known.contains($0) }
    document = adapter.configuration.document.setting(
      "modules_to_save", to: whole.isEmpty ? .null : .array(whole.map { .string($0) }))
  }
}

extension TrainableModel {
  /// Refuses to go on with factors of other modules than those that settings name.
  ///
  /// - Throws: `mismatch` with the first one that only one of both has.
  package func check(targetsOf settings: LowRankSettings) throws(CheckpointError) {
    let whole = adapter?.wholeParameters.map { ExactName($0) } ?? []
    let wanted = Set(try settings.matrices(of: model.architecture, whole: []).keys)
      .subtracting(whole)
    let own = Set(
      model.adapterParameters.compactMap { factor in
        factor.name.hasSuffix(".lora_A.weight")
          ? ExactName(factor.name.dropLast("lora_A.weight".count) + "weight") : nil
      })
    guard let other = wanted.symmetricDifference(own).min() else { return }
    throw CheckpointError(
      .mismatch, CheckpointError.Site(field: "target modules"), tensor: other.string,
      own.contains(other)
        ? "the adapter that is to go on has factors of it, which are not asked for"
        : "the adapter that is to go on has no factors of it, which are asked for")
  }
}

extension ModelArchitecture {
  /// The modules that learn whole: what is new, and the head if it is one for labels or answers and is asked for.
  func learnedModules(new: [ExactName], withHead: Bool) -> OrderedSet<String> {
    var whole: OrderedSet<String> = []
    for parameter in parameters {
      let isOfHead =
        withHead && !parameter.name.hasPrefix(family.bodyPrefix) && parameter.tiedTo == nil
        && [.sequenceClassification, .tokenClassification, .questionAnswering, .multipleChoice]
          .contains(head)
      if isOfHead || new.contains(parameter.name) { whole.append(module(of: parameter.name)) }
    }
    return whole
  }

  /// The same, stored.
  ///
  /// - Throws: `unsupported` if one of them has a matrix that is the word embeddings.
  fileprivate func wholeModules(
    new: [ExactName], withHead: Bool
  ) throws(CheckpointError) -> OrderedSet<String> {
    let whole = learnedModules(new: new, withHead: withHead)
    let tied = parameters.first { $0.tiedTo != nil && whole.contains(module(of: $0.name)) }
    if tied != nil, let name = new.first {
      throw CheckpointError(
        .unsupported, tensor: name.string,
        "the checkpoint lacks it, and an adapter has no place for the head of a language model",
        remedy: "train the model without factors first, or take one that has the head")
    }
    return whole
  }

  /// The first part of a name below the body.
  private func module(of name: ExactName) -> String {
    let bare =
      name.hasPrefix(family.bodyPrefix)
      ? String(name.string.dropFirst(family.bodyPrefix.count)) : name.string
    return String(bare.split(separator: ".").first ?? "")
  }

  fileprivate func parameters(ofModules modules: OrderedSet<String>) -> [String] {
    parameters.map(\.name).filter { modules.contains(module(of: $0)) }.map(\.string)
  }
}

extension LowRankAdapter {
  /// What of the adapter is not computed beside products, in words; nil if all of it is.
  fileprivate var untrainable: String? {
    if configuration.usesMagnitudes { return "magnitudes (DoRA)" }
    if configuration.compressesInputs { return "compressed inputs (VeLoRA)" }
    if !tokens.isEmpty { return "rows of tables" }
    if modules.contains(where: \.isTable) { return "factors of a table" }
    if modules.contains(where: { $0.bias != nil }) { return "biases of factors" }
    return nil
  }
}
