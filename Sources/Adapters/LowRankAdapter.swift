public import CheckpointBytes
public import Checkpoints
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

/// A low-rank adapter as PEFT saves one (0.21): `adapter_config.json` with `adapter_model.safetensors` or `.bin` beside it.
///
///     base_model.model.<module>.lora_A.weight              [rank, inputs]
///     base_model.model.<module>.lora_B.weight              [outputs, rank]      lora_B.bias [outputs]
///     base_model.model.<module>.lora_embedding_A           [rank, rows]         of tables
///     base_model.model.<module>.lora_embedding_B           [columns, rank]
///     base_model.model.<module>.lora_magnitude_vector      [outputs]            DoRA
///     base_model.model.<module>.token_adapter.trainable_tokens_delta  [rows, columns]
///     base_model.model.<module>.base_layer.bias            [outputs]            weights that are stored whole,
///     base_model.model.<name>                                                   as are those of `modules_to_save`
///
/// Opening reads structure; what an adapter does to a model is computed when weights are read
/// (``applied(to:as:)``).
public struct LowRankAdapter: Sendable {
  /// What is adapted by factors.
  public struct Module: Sendable {
    /// The module's name in the model, such as `bert.encoder.layer.0.attention.self.query`.
    public let name: ExactName
    /// `[rank, inputs]`.
    public let down: Weight
    /// `[outputs, rank]`.
    public let up: Weight
    /// What is added to the module's bias, times the scale; nil for nothing.
    public let bias: Weight?
    /// The lengths of outputs (DoRA); nil where they keep their own.
    public let magnitude: Weight?
    /// True of a table that rows are looked up in.
    public let isTable: Bool
    /// What the product is multiplied by.
    public let scale: Double
  }

  /// Rows of a table that are stored whole.
  public struct TokenRows: Sendable {
    /// The table's name in the model.
    public let module: ExactName
    /// The numbers of the rows.
    public let rows: [Int]
    /// The rows, `[rows, columns]`.
    public let values: Weight
  }

  /// The settings.
  public let configuration: AdapterConfiguration
  /// The directory.
  public let path: String
  /// The weights as they are stored.
  public let checkpoint: Checkpoint
  /// Modules with factors, in the order of their names.
  public let modules: [Module]
  /// Rows of tables.
  public let tokens: [TokenRows]
  /// Weights that take the place of the model's, by their names there.
  public let replacements: [(name: ExactName, weight: Weight)]

  /// The file of settings.
  public static let configurationName = "adapter_config.json"
  /// The files of weights, in PEFT's order (`peft/utils/constants.py`).
  public static let weightNames = ["adapter_model.safetensors", "adapter_model.bin"]

  /// What stands before the model's names in files.
  public static let namePrefix = "base_model.model."
  /// Settings of the model that may lie beside an adapter, and say what its head is for.
  public static let modelSettingsName = "config.json"

  /// True for a directory that holds an adapter's settings.
  public static func isAdapter(_ path: String) throws(CheckpointError) -> Bool {
    guard try PathKind(path: path) == .directory else { return false }
    return try PathKind(path: Directory.join(path, configurationName)) == .file
  }

  /// Opens an adapter: its directory, or its name in the Hub's cache.
  ///
  /// - Throws: `notFound` if one of its files is not there; what ``AdapterConfiguration`` and `Checkpoint/open(_:options:)` throw;
  ///   `notFound` or `inconsistent`, with the name, for a tensor without the other ones of its module, of another rank than the
  ///   settings have, or of a kind that is not known.
  public init(
    _ path: String, options: OpenOptions = OpenOptions()
  ) throws(CheckpointError) {
    let path = try HubCache.located(path)
    let configuration = try AdapterConfiguration(
      try Self.settings(in: path, options), file: Directory.join(path, Self.configurationName))
    var found: String?
    for name in Self.weightNames where found == nil {
      let weights = Directory.join(path, name)
      if try PathKind(path: weights) == .file { found = weights }
    }
    guard let found else {
      throw CheckpointError(
        .notFound, file: path, "the adapter has no weights",
        remedy: "expected \(Self.weightNames.joined(separator: " or "))")
    }
    let checkpoint = try Checkpoint.open(found, options: options)
    do throws(CheckpointError) {
      try self.init(configuration, path: path, checkpoint)
    } catch {
      throw error.site.file == nil ? error.inFile(found) : error
    }
  }

  /// The document in `adapter_config.json`, of whatever kind of adapter.
  ///
  /// - Throws: `notFound` if it is not there, `limitExceeded` if it is too long, `malformed` if it is no JSON.
  public static func settings(
    in directory: String, _ options: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> JSONValue {
    guard let document = try document(configurationName, in: directory, options.limits) else {
      throw CheckpointError(
        .notFound, file: Directory.join(directory, configurationName),
        "the settings of an adapter are not there", remedy: remedy(of: directory))
    }
    return document
  }

  /// What to name in place of a directory that holds no adapter: PEFT saves all but its first one in folders of their names.
  private static func remedy(of directory: String) -> Wording {
    let names = (try? Directory.names(in: directory)) ?? []
    let adapters = names.lazy.filter {
      (try? isAdapter(Directory.join(directory, $0))) == true
    }.prefix(8)
    return adapters.isEmpty
      ? "name the directory that PEFT saved it to"
      : "name one of the adapters in it: \(adapters.map { quoted($0) }.joined(separator: ", "))"
  }

  /// The settings of the model that lie beside the adapter; nil if there are none. See ``modelSettingsName``.
  ///
  /// - Throws: `limitExceeded` if they are too long, `malformed` if they are no JSON.
  package func modelSettings(_ limits: ReadLimits) throws(CheckpointError) -> JSONValue? {
    try Self.document(Self.modelSettingsName, in: path, limits)
  }

  private static func document(
    _ name: String, in directory: String, _ limits: ReadLimits
  ) throws(CheckpointError) -> JSONValue? {
    let path = Directory.join(directory, name)
    guard try PathKind(path: path) == .file else { return nil }
    return try SourceFile(path: path).document(limits: limits)
  }

  /// True if the adapter changes nothing: one factor of each module is all zeros, and nothing is stored whole. Reads the factors.
  public func isIdentity() throws(CheckpointError) -> Bool {
    guard replacements.isEmpty, tokens.isEmpty else { return false }
    for module in modules {
      guard module.magnitude == nil else { return false }
      if let bias = module.bias, try !bias.hasZerosOnly() { return false }
      if try !module.up.hasZerosOnly() {
        guard try module.down.hasZerosOnly() else { return false }
      }
    }
    return true
  }

  /// What the adapter is, a sentence each. Reads the factors, to see whether they change anything.
  public func descriptions() throws(CheckpointError) -> [String] {
    let ranks = modules.map { $0.down.shape.dimensions[0] }
    let scales = modules.map(\.scale)
    func range(_ least: some Equatable, _ most: some Equatable) -> String {
      "\(least)" == "\(most)" ? "\(least)" : "\(least) to \(most)"
    }
    var parts = ["\(modules.count) modules"]
    if let least = ranks.min(), let most = ranks.max(), let small = scales.min(),
      let large = scales.max()
    {
      parts.append("rank \(range(least, most))")
      parts.append("scale \(range(small, large))")
    }
    if configuration.usesMagnitudes { parts.append("with magnitudes (DoRA)") }
    if configuration.compressesInputs {
      parts.append("trained with compressed inputs (VeLoRA), which outputs do not depend on")
    }
    if !tokens.isEmpty {
      parts.append("\(tokens.reduce(0) { $0 + $1.rows.count }) rows of tables stored whole")
    }
    if !replacements.isEmpty { parts.append("\(replacements.count) weights stored whole") }
    if let base = configuration.baseModel, !base.isEmpty { parts.append("trained on \(base)") }
    var descriptions = ["a low-rank adapter of PEFT: " + parts.joined(separator: ", ")]
    if try isIdentity() { descriptions.append("the adapter is the identity: it changes nothing") }
    return descriptions
  }
}

extension LowRankAdapter {
  private init(
    _ configuration: AdapterConfiguration, path: String, _ checkpoint: Checkpoint
  ) throws(CheckpointError) {
    var parts: [ExactName: [AdapterKey.Part: (key: ExactName, weight: Weight)]] = [:]
    var order: [ExactName] = []
    var replacements: OrderedDictionary<ExactName, Weight> = [:]
    for (name, weight) in checkpoint.graph.weights {
      switch try AdapterKey(name) {
      case .replaced, .ofGradients: continue
      case .whole(let target):
        // With all biases trained PEFT has those of whole modules twice.
        if let other = replacements.updateValue(weight, forKey: target) {
          guard try weight.hasBytes(of: other) else {
            throw CheckpointError(
              .inconsistent, tensor: name.string,
              "the file has \(quoted(target.string)) twice, with other numbers")
          }
        }
      case .part(let part, let module):
        if parts[module] == nil { order.append(module) }
        if let other = parts[module, default: [:]].updateValue((name, weight), forKey: part) {
          throw CheckpointError(
            .inconsistent, tensor: name.string,
            "the module has it already, as \(quoted(other.key.string))")
        }
      }
    }
    try configuration.requireSearchable(order)
    var modules: [Module] = []
    var tokens: [TokenRows] = []
    for name in order.sorted() {
      guard var own = parts[name] else { continue }
      if let rows = own.removeValue(forKey: .tokenRows) {
        tokens.append(try TokenRows(name, rows.weight, rows.key, configuration))
      }
      if own.isEmpty { continue }
      modules.append(try Module(name, own, configuration))
    }
    self.configuration = configuration
    self.path = path
    self.checkpoint = checkpoint
    self.modules = modules
    self.tokens = tokens
    self.replacements = replacements.map { ($0.key, $0.value) }
  }
}

extension LowRankAdapter.Module {
  fileprivate init(
    _ name: ExactName, _ parts: [AdapterKey.Part: (key: ExactName, weight: Weight)],
    _ configuration: AdapterConfiguration
  ) throws(CheckpointError) {
    let isTable = parts[.tableDown] != nil || parts[.tableUp] != nil
    let wanted: (AdapterKey.Part, AdapterKey.Part) = isTable ? (.tableDown, .tableUp) : (.down, .up)
    guard let (key, down) = parts[wanted.0], let up = parts[wanted.1]?.weight else {
      let there = parts.values.map(\.key).min()
      throw CheckpointError(
        .notFound, tensor: there?.string,
        "the module \(quoted(name.string)) has this and not both of its factors, \(wanted.0.rawValue) and \(wanted.1.rawValue)"
      )
    }
    let others: [AdapterKey.Part] = isTable ? [.down, .up, .bias] : [.tableDown, .tableUp]
    if let other = others.compactMap({ parts[$0]?.key }).first {
      throw CheckpointError(
        .inconsistent, tensor: other.string,
        "the module has \(quoted(key.string)) as well: it is a table or a layer")
    }
    let rank = configuration.rank(of: name.string)
    guard down.shape.dimensions.first == rank else {
      throw CheckpointError(
        .mismatch, tensor: key.string,
        "expected the rank \(rank), which \(configuration.file ?? "the settings") gives it, found the shape \(down.shape)"
      )
    }
    self.name = name
    self.down = down
    self.up = up
    self.isTable = isTable
    bias = parts[.bias]?.weight
    magnitude = parts[.magnitude]?.weight
    guard configuration.usesMagnitudes == (magnitude != nil) else {
      throw CheckpointError(
        .inconsistent, tensor: (parts[.magnitude]?.key ?? key).string,
        magnitude == nil
          ? "use_dora is true, and the module has no lora_magnitude_vector"
          : "the module has magnitudes, and use_dora is not true")
    }
    scale = configuration.scale(of: name.string)
  }
}

extension LowRankAdapter.TokenRows {
  fileprivate init(
    _ module: ExactName, _ values: Weight, _ key: ExactName, _ configuration: AdapterConfiguration
  ) throws(CheckpointError) {
    let stated = configuration.tokenRows.first { rows in
      guard let name = rows.module else { return true }
      return module == ExactName(name) || module.hasSuffix("." + name)
    }
    guard let stated else {
      throw CheckpointError(
        .notFound, tensor: key.string,
        "trainable_token_indices does not say which rows of \(quoted(module.string)) these are")
    }
    guard values.shape.rank == 2, values.shape.dimensions[0] == stated.rows.count,
      stated.areDistinct
    else {
      throw CheckpointError(
        .mismatch, tensor: key.string,
        "expected the \(stated.rows.count) rows of trainable_token_indices, each once, found the shape \(values.shape)"
      )
    }
    self.module = module
    rows = stated.rows
    self.values = values
  }
}

extension Weight {
  /// True if both are the same bytes of one type and shape.
  fileprivate func hasBytes(of other: Weight) throws(CheckpointError) -> Bool {
    guard dtype == other.dtype, shape == other.shape else { return false }
    func bytes(_ weight: Weight) throws(CheckpointError) -> [UInt8] {
      try unsafe withNewBytes(count: byteCount) { (buffer) throws(CheckpointError) in
        try unsafe weight.read(at: 0, into: buffer)
      }
    }
    return try bytes(self) == bytes(other)
  }
}

extension Weight {
  /// True if all numbers are 0 or −0, which is what a factor becomes that was multiplied by 0.
  fileprivate func hasZerosOnly() throws(CheckpointError) -> Bool {
    if try isZero() { return true }
    let numbers: Weight
    do {
      numbers = try cast(to: .f64)
    } catch {
      return false
    }
    for piece in Piece.cut([numbers]) {
      // Without the sign, which is in the last byte of eight.
      let isOther = try numbers.bytes(of: piece).enumerated().contains { place, byte in
        byte != 0 && !(byte == 0x80 && place % 8 == 7)
      }
      if isOther { return false }
    }
    return true
  }
}
