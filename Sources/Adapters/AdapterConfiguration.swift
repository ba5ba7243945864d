public import CheckpointBytes
internal import LayoutRules

/// What `adapter_config.json` says of a low-rank adapter: `LoraConfig` of PEFT 0.21 (`tuners/lora/config.py`).
///
/// The rule for keys is that of a model's configuration: what changes a number is read here or refused by its name, and what only
/// says how the adapter was trained is left alone.
public struct AdapterConfiguration: Sendable {
  /// The rank where no pattern says another.
  public let rank: Int
  /// α: the scale is α / rank.
  public let alpha: Double
  /// The share of the inputs of factors that training leaves out.
  public let dropout: Double
  /// True if the scale is α / √rank.
  public let usesRankStabilizedScale: Bool
  /// True if outputs get a length of their own (DoRA).
  public let usesMagnitudes: Bool
  /// Modules that are stored whole, by the ends of their names.
  public let modulesToSave: [String]
  /// The modules that are adapted; nil for a pattern, or all linear ones.
  public let targetModules: [String]?
  /// The model that it belongs to, as it was named when the adapter was trained.
  public let baseModel: String?
  /// The task's name in PEFT, such as `SEQ_CLS`.
  public let taskType: String?
  /// The document.
  public let document: JSONValue
  /// Where it was read.
  public let file: String?

  /// Rows of tables that are stored whole, by the module's name; nil for the table of words.
  let tokenRows: [StatedRows]
  /// ``modulesToSave`` without points at the ends, and how many components they have.
  let savedModules: (names: Set<ExactName>, depths: Set<Int>)
  private let ranks: [(pattern: ModulePattern, rank: Int)]
  private let alphas: [(pattern: ModulePattern, alpha: Double)]

  /// The most tables of which rows are stored whole: a model has one or two.
  static let greatestTableCount = 100
  /// The most steps of all patterns of a key together, at some 60 bytes each: a pattern for each of a thousand modules takes a tenth.
  static let greatestStepCount = 1_000_000
  /// The most steps of patterns that names of modules may take, where patterns for each of a thousand modules take a tenth: some
  /// seconds.
  static let greatestWork = 1_000_000_000

  /// Reads the settings.
  ///
  /// - Throws: `unsupported`, with the key, for another kind of adapter and for what would change numbers in a way that is not
  ///   known; `malformed` for a value of another type; `limitExceeded` for more patterns than any adapter has.
  public init(_ document: JSONValue, file: String?) throws(CheckpointError) {
    let settings = try SettingsReader(document, file: file)
    let kind = try settings.string("peft_type", default: "")
    guard kind == "LORA" else {
      throw settings.failure(
        kind.isEmpty ? .notFound : .unsupported, "peft_type",
        kind.isEmpty ? "the key is not there" : "adapters of the kind \(quoted(kind))",
        remedy: "supported is LORA")
    }
    try settings.refuseUnknownAdaptation()
    rank = try settings.count("r", default: 8)
    alpha = try settings.number("lora_alpha", default: 8)
    dropout = try settings.number("lora_dropout", default: 0)
    usesRankStabilizedScale = try settings.optionalBoolean("use_rslora") ?? false
    usesMagnitudes = try settings.optionalBoolean("use_dora") ?? false
    modulesToSave = try settings.strings("modules_to_save")
    targetModules =
      settings.value("target_modules")?.elements == nil
      ? nil : try settings.strings("target_modules")
    let saved = modulesToSave.map { ExactName($0).components }.filter { !$0.isEmpty }
    savedModules = (
      Set(saved.map { ExactName($0.joined(separator: ".")) }), Set(saved.map(\.count))
    )
    baseModel = try settings.optionalString("base_model_name_or_path")
    taskType = try settings.optionalString("task_type")
    try settings.checkTargetParameters()
    ranks = try settings.patterns("rank_pattern").map { (pattern, value) throws(CheckpointError) in
      guard let rank = value.integer, rank > 0 else {
        throw settings.failure(
          .malformed, "rank_pattern", "\(quoted(pattern.text)) has no number above zero")
      }
      return (pattern, rank)
    }
    alphas = try settings.patterns("alpha_pattern").map {
      (pattern, value) throws(CheckpointError) in
      guard case .number(let number) = value, number.double.isFinite else {
        throw settings.failure(
          .malformed, "alpha_pattern", "\(quoted(pattern.text)) has no number")
      }
      return (pattern, number.double)
    }
    tokenRows = try settings.tokenRows()
    self.document = document
    self.file = file
  }

  /// Refuses so many patterns for so many modules that finding each one's would not end.
  func requireSearchable(_ modules: some Sequence<ExactName>) throws(CheckpointError) {
    let letters = modules.reduce(0) { $0 + $1.byteCount + 1 }
    for (key, patterns) in [
      ("rank_pattern", ranks.map(\.pattern)), ("alpha_pattern", alphas.map(\.pattern)),
    ] {
      let steps = patterns.reduce(0) { $0 + $1.stepsPerLetter }
      // Both are bounded: by the tensors that a file may list, and by `greatestStepCount`.
      guard letters * steps <= Self.greatestWork else {
        throw CheckpointError(
          .limitExceeded, file: file, field: key,
          "\(patterns.count) patterns for names of \(letters) bytes together take more than \(Self.greatestWork) steps"
        )
      }
    }
  }

  /// The rank of a module.
  public func rank(of module: String) -> Int {
    let key = patternKey(of: module)
    return ranks.first { $0.pattern.matches(key) }?.rank ?? rank
  }

  /// True if a module's weight is adapted as it is stored, whichever way it lies (`ParamWrapper` of PEFT).
  func targetsWeight(of module: String) -> Bool {
    let weight = ExactName(module + ".weight")
    let targets = document["target_parameters"]?.elements ?? []
    return targets.lazy.compactMap(\.string).contains {
      weight == ExactName($0) || weight.hasSuffix("." + $0)
    }
  }

  /// What patterns are matched with: the module's name, or that of its weight where this is what is adapted.
  private func patternKey(of module: String) -> String {
    targetsWeight(of: module) ? module + ".weight" : module
  }

  /// What the update of a module is multiplied by.
  public func scale(of module: String) -> Double {
    let key = patternKey(of: module)
    let alpha = alphas.first { $0.pattern.matches(key) }?.alpha ?? alpha
    let rank = Double(rank(of: module))
    return alpha / (usesRankStabilizedScale ? rank.squareRoot() : rank)
  }
}

extension AdapterConfiguration {
  /// `adapter_config.json` of an adapter of layers, under the keys that PEFT needs and people look for.
  ///
  /// - Parameters:
  ///   - rank: The rank of all modules.
  ///   - alpha: α of all modules.
  ///   - dropout: The share of inputs that training leaves out.
  ///   - targets: The modules, by the ends of their names.
  ///   - whole: The modules that are stored whole.
  ///   - hasBias: True if biases of adapted modules are stored whole.
  ///   - isTransposed: True if layers have their inputs in rows.
  ///   - baseModel: What it belongs to.
  ///   - taskType: The task's name in PEFT.
  static func document(
    rank: Int, alpha: Double, dropout: Double = 0, targets: [String], whole: [String],
    hasBias: Bool = false, isTransposed: Bool, baseModel: String?, taskType: String? = nil
  ) -> JSONValue {
    func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
    let alpha: JSONValue = Int(exactly: alpha).map { .integer($0) } ?? .double(alpha)
    return .object([
      .init("base_model_name_or_path", baseModel.map { .string($0) } ?? .null),
      .init("bias", .string(hasBias ? "lora_only" : "none")),
      .init("fan_in_fan_out", .boolean(isTransposed)),
      .init("inference_mode", .boolean(true)),
      .init("lora_alpha", alpha),
      .init("lora_dropout", .double(dropout)),
      .init("modules_to_save", whole.isEmpty ? .null : strings(whole)),
      .init("peft_type", .string("LORA")),
      .init("r", .integer(rank)),
      // The word of PEFT (0.21) for none: it takes no empty list.
      .init("target_modules", targets.isEmpty ? .string("dummy-target-modules") : strings(targets)),
      .init("task_type", taskType.map { .string($0) } ?? .null),
    ])
  }
}

extension SettingsReader {
  /// Refuses what PEFT's code acts upon, when it applies an adapter, and this does not implement.
  fileprivate func refuseUnknownAdaptation() throws(CheckpointError) {
    let no: [JSONValue] = [.boolean(false), .null]
    for key in ["use_qalora", "use_bdlora", "ensure_weight_tying"] as [ExactName] {
      try refuse(key, unless: no)
    }
    for key in [
      "arrow_config", "alora_invocation_tokens", "layer_replication", "monteclora_config",
      "kasa_config",
    ] as [ExactName] {
      try refuse(key, unless: [.null, .object([]), .array([])])
    }
    // Beginnings that change the model's own weights: the adapter is one of what is left of them.
    if let start = value("init_lora_weights")?.string {
      for prefix in ["pissa", "olora", "corda", "loftq", "lora_ga"]
      where start.utf8.starts(with: prefix.utf8) {
        throw failure(
          .unsupported, "init_lora_weights",
          "\(quoted(start)) changes the weights of the model itself when an adapter is loaded",
          remedy:
            "save it with path_initial_model_for_weight_conversion, which makes one of the unchanged model"
        )
      }
    }
  }

  private func refuse(_ key: ExactName, unless neutral: [JSONValue]) throws(CheckpointError) {
    guard let value = value(key), !neutral.contains(value) else { return }
    throw failure(.unsupported, key, "it changes what the adapter does, and is not implemented")
  }

  /// Patterns of module names, each with its value.
  fileprivate func patterns(
    _ key: ExactName
  ) throws(CheckpointError) -> [(pattern: ModulePattern, value: JSONValue)] {
    guard has(key) else { return [] }
    guard let members = value(key)?.members else {
      throw failure(.malformed, key, "expected an object")
    }
    var stepCount = 0
    return try members.map { (member) throws(CheckpointError) in
      let pattern: ModulePattern
      do throws(CheckpointError) {
        pattern = try ModulePattern(ending: member.key.string)
      } catch {
        throw failure(error.kind, key, error.problem)
      }
      stepCount += pattern.stepCount
      guard stepCount <= AdapterConfiguration.greatestStepCount else {
        throw failure(
          .limitExceeded, key,
          "its patterns have more than \(AdapterConfiguration.greatestStepCount) steps")
      }
      return (pattern, member.value)
    }
  }

  /// Refuses parameters that are no module's weight: those are of experts, in three dimensions.
  fileprivate func checkTargetParameters() throws(CheckpointError) {
    let key: ExactName = "target_parameters"
    for name in try strings(key) where !ExactName("." + name).hasSuffix(".weight") {
      throw failure(
        .unsupported, key, "the parameter \(quoted(name)) is not implemented",
        remedy: "supported are weights of layers and tables, such as 'dense.weight'")
    }
  }

  fileprivate func tokenRows() throws(CheckpointError) -> [AdapterConfiguration.StatedRows] {
    let key: ExactName = "trainable_token_indices"
    guard has(key), let value = value(key) else { return [] }
    func rows(_ value: JSONValue) throws(CheckpointError) -> [Int] {
      guard let elements = value.elements else {
        throw failure(.malformed, key, "expected a list of rows, or such lists by module")
      }
      return try elements.map { (element) throws(CheckpointError) in
        guard let row = element.integer, row >= 0 else {
          throw failure(.malformed, key, "expected numbers of rows")
        }
        return row
      }
    }
    if let members = value.members {
      guard members.count <= AdapterConfiguration.greatestTableCount else {
        throw failure(
          .limitExceeded, key,
          "\(members.count) tables, more than \(AdapterConfiguration.greatestTableCount)")
      }
      return try members.map { (member) throws(CheckpointError) in
        AdapterConfiguration.StatedRows(member.key.string, try rows(member.value))
      }
    }
    return [AdapterConfiguration.StatedRows(nil, try rows(value))]
  }
}

extension AdapterConfiguration {
  /// What the settings say of rows of a table.
  struct StatedRows: Sendable {
    /// The table's module, or the end of its name; nil for the table of words.
    let module: String?
    /// The numbers of the rows.
    let rows: [Int]
    /// True if none is there twice.
    let areDistinct: Bool

    init(_ module: String?, _ rows: [Int]) {
      self.module = module
      self.rows = rows
      areDistinct = Set(rows).count == rows.count
    }
  }

  /// True for a weight that PEFT trains among those that are stored whole: of a module that `modules_to_save` names, or a bias where
  /// biases learn. Others lie there since the model's own may be others, such as a table of words beside factors of it.
  package func learns(_ name: ExactName) -> Bool {
    saves(name)
      || name.hasSuffix("bias") && ["all", "lora_only"].contains(document["bias"]?.string)
  }

  /// True for a weight of a module that `modules_to_save` names.
  func saves(_ name: ExactName) -> Bool { savedModule(of: name) != nil }

  /// True if two weights lie in one module that is stored whole. It is a copy, in which what is tied stays so.
  package func copiesTogether(_ first: ExactName, _ second: ExactName) -> Bool {
    savedModule(of: first).map { $0 == savedModule(of: second) } ?? false
  }

  /// The outermost module around a weight that `modules_to_save` names.
  private func savedModule(of name: ExactName) -> ExactName? {
    let module = name.components.dropLast()
    for end in module.indices.map({ $0 + 1 }) {
      for depth in savedModules.depths where depth <= end {
        let part = module[end - depth..<end].joined(separator: ".")
        if savedModules.names.contains(ExactName(part)) {
          return ExactName(module[..<end].joined(separator: "."))
        }
      }
    }
    return nil
  }
}

extension ExactName {
  /// The parts between points that are not empty.
  fileprivate var components: [String] {
    string.utf8.split(separator: 0x2E).map { String(Substring($0)) }
  }
}

extension AdapterConfiguration {
  /// True if gradients were computed with compressed inputs (VeLoRA).
  package var compressesInputs: Bool { document["velora_config"]?.members != nil }
}
