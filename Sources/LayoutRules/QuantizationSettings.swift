package import CheckpointBytes
package import WeightGraph

/// What `quantization_config` says of a model whose matrices are stored as int8: the form of compressed-tensors (0.20), which
/// Transformers reads (5.23).
package struct QuantizationSettings: Sendable, Hashable {
  /// What products take.
  package enum Activations: Sendable, Hashable {
    /// Steps of a scale that each row has at the time: sums are of whole numbers.
    case steps
    /// Numbers as they are: weights are only stored as steps.
    case numbers
  }

  /// What products take.
  package let activations: Activations

  /// The key in `config.json`.
  package static let key: ExactName = "quantization_config"
  /// The format of matrices `[outputs, inputs]`, with scales `[outputs, 1]`.
  static let format = "int-quantized"
  /// Ours, of matrices `[inputs, outputs]` with scales `[1, outputs]`: those of Transformers' Conv1D, which compressed-tensors does not
  /// quantise. A name that it does not know is what makes Transformers refuse such a file instead of taking steps for weights.
  static let convolutionFormat = "int-quantized-conv1d"

  /// Reads a configuration; nil if it says nothing of quantisation.
  ///
  /// - Throws: `unsupported` for another form, or for one whose products are others.
  package init?(_ reader: SettingsReader) throws(CheckpointError) {
    guard let value = reader.value(Self.key), value != .null else { return nil }
    func refusal(_ found: String) -> CheckpointError {
      reader.failure(
        .unsupported, Self.key, "\(found) changes what the model computes",
        remedy:
          "supported is compressed-tensors' \(Self.format): symmetric int8 weights with a scale for each output, and rows of steps that are found as they come, or of numbers"
      )
    }
    guard value["quant_method"]?.string == "compressed-tensors" else {
      throw refusal("quant_method \(Self.shown(value["quant_method"]))")
    }
    for key: ExactName in ["kv_cache_scheme", "transform_config", "sparsity_config"]
    where !Self.isNothing(value[key]) {
      throw refusal("\(key.string) \(Self.shown(value[key]))")
    }
    var found: Set<Activations> = []
    for group in value["config_groups"]?.members ?? [] {
      let group = group.value
      let format = group["format"] ?? value["format"]
      guard [Self.format, Self.convolutionFormat, "naive-quantized"].contains(format?.string) else {
        throw refusal("format \(Self.shown(format))")
      }
      guard let weights = group["weights"], Self.isSymmetricInt8(weights),
        ["channel", "tensor"].contains(weights["strategy"]?.string),
        Self.isNothing(group["output_activations"])
      else { throw refusal("the scheme \(Self.shown(group))") }
      guard let inputs = group["input_activations"], inputs != .null else {
        found.insert(.numbers)
        continue
      }
      guard Self.isSymmetricInt8(inputs), inputs["dynamic"] == .boolean(true),
        inputs["strategy"]?.string == "token"
      else { throw refusal("input_activations \(Self.shown(inputs))") }
      found.insert(.steps)
    }
    guard let first = found.first, found.count == 1 else {
      throw refusal(found.isEmpty ? "no scheme" : "more than one scheme")
    }
    activations = first
  }

  /// The blocks of 8-bit floats that have a scale each, as Transformers' `fp8` states them (5.23): 128 × 128 unless the settings have
  /// others, or the whole matrix where they have null.
  ///
  /// - Parameter settings: `config.json`.
  /// - Returns: nil if nothing is said of such, or in another form.
  package static func blocks(in settings: JSONValue) -> ScaleBlock? {
    guard let value = settings[key], value["quant_method"]?.string == "fp8" else { return nil }
    guard let size = value["weight_block_size"] else { return ScaleBlock(rows: 128, columns: 128) }
    if size == .null { return .whole }
    guard let extents = size.elements, extents.count == 2, let rows = extents[0].integer,
      let columns = extents[1].integer
    else { return nil }
    return ScaleBlock(rows: rows, columns: columns)
  }

  private static func isSymmetricInt8(_ value: JSONValue) -> Bool {
    value["num_bits"]?.integer == 8 && (value["type"]?.string ?? "int") == "int"
      && (value["symmetric"] ?? .boolean(true)) == .boolean(true)
  }

  private static func isNothing(_ value: JSONValue?) -> Bool {
    value == nil || value == .null || value == .object([])
      || value?["format"]?.string == "dense"
  }

  private static func shown(_ value: JSONValue?) -> String {
    singleLine(JSONWriter.text(value ?? .null), limit: 120)
  }
}

extension QuantizationSettings {
  /// What a `config.json` says of a model in Transformers' layout, some matrices of which are stored as int8.
  ///
  /// - Parameter quantized: Their names. What else is a linear layer is told to be left alone, in all classes of the family.
  package static func document(
    of architecture: ModelArchitecture, quantized: Set<ExactName>
  ) -> JSONValue {
    let isConvolution = architecture.layerMatrices.contains { $0.outputAxis == 1 }
    let format = JSONValue.string(isConvolution ? convolutionFormat : Self.format)
    func scheme(_ strategy: String, isDynamic: Bool) -> JSONValue {
      .object([
        JSONValue.Member("dynamic", .boolean(isDynamic)),
        JSONValue.Member("num_bits", .integer(8)),
        JSONValue.Member("strategy", .string(strategy)),
        JSONValue.Member("symmetric", .boolean(true)),
        JSONValue.Member("type", .string("int")),
      ])
    }
    let group = JSONValue.object([
      JSONValue.Member("format", format),
      JSONValue.Member("input_activations", scheme("token", isDynamic: true)),
      JSONValue.Member("output_activations", .null),
      JSONValue.Member("targets", .array([.string(isConvolution ? "Conv1D" : "Linear")])),
      JSONValue.Member("weights", scheme("channel", isDynamic: false)),
    ])
    let ignored = isConvolution ? [] : architecture.linearModules(without: quantized)
    return .object([
      JSONValue.Member("config_groups", .object([JSONValue.Member("group_0", group)])),
      JSONValue.Member("format", format),
      JSONValue.Member("ignore", .array(ignored.map { .string($0) })),
      JSONValue.Member("kv_cache_scheme", .null),
      JSONValue.Member("quant_method", .string("compressed-tensors")),
      JSONValue.Member("quantization_status", .string("compressed")),
    ])
  }
}

extension ModelArchitecture {
  /// The matrices of the layers' products by their names, and the dimension along which their outputs lie: what is quantised.
  ///
  /// They are nearly all of the arithmetic. Embeddings are looked up; pooler and heads run on few rows, and what they round is the
  /// result itself; of an encoder's language model, whose output matrix is the word embeddings, all results.
  package var layerMatrices: [(name: ExactName, outputAxis: Int)] {
    var values = TemplateValues()
    values.body = head == .base ? "" : family.bodyPrefix
    let modules = family.definition.body.modules.compactMap {
      (module) -> (NameTemplate, Int)? in
      let name = NameTemplate(module.name + ".weight")
      guard name.isPerLayer, let axis = module.kind.outputAxis else { return nil }
      return (name, axis)
    }
    return (0..<sizes.layers).flatMap { layer in
      values.layer = layer
      return modules.map { ($0.0.names(values)[0], $0.1) }
    }
  }

  /// The matrices of all linear layers but a language model's scores: ``layerMatrices``, the rest of the body's and the head's.
  package var linearMatrices: [(name: ExactName, outputAxis: Int)] {
    var values = TemplateValues()
    values.body = head == .base ? "" : family.bodyPrefix
    let definition = family.definition
    let known = Set(parameters.map(\.name))
    let others = (definition.body.modulesBesideLayers + definition.headModules(head)).compactMap {
      (module) -> (ExactName, Int)? in
      let name = NameTemplate(module.name + ".weight").names(values)[0]
      guard known.contains(name), let axis = module.kind.outputAxis else { return nil }
      return (name, axis)
    }
    return layerMatrices + others
  }

  /// A decoder's output matrix, `[vocabulary, hidden]`, and the word embeddings, which it is unless the model is untied: what is
  /// quantised beside the layers, for each token that is generated reads it whole, and it is a third of GPT-2. Nil where there is none.
  package var outputMatrix: (name: ExactName, words: ExactName)? {
    guard case .decoder = family.definition.body,
      let output = parameters.first(where: { $0.tiedTo != nil }), let words = output.tiedTo
    else { return nil }
    return (output.name, words)
  }

  /// Patterns, as compressed-tensors takes them, for the modules of class Linear whose matrices are none of these: of the body, and of
  /// the heads of all classes, with or without the body's prefix.
  fileprivate func linearModules(without quantized: Set<ExactName>) -> [String] {
    let prefix = head == .base ? "" : family.bodyPrefix
    let definition = family.definition
    let others =
      definition.body.modulesBesideLayers + family.heads.flatMap { definition.headModules($0) }
    var names: [String] = []
    func add(_ name: String, _ bare: String) {
      guard !quantized.contains(ExactName(name + ".weight")), !names.contains(bare) else { return }
      names.append(bare)
    }
    for name in layerMatrices.map({ $0.name.string.dropLast(".weight".count) }) {
      add(String(name), String(name.dropFirst(prefix.count)))
    }
    for module in others where module.kind.isLinear {
      let body = "{body}"
      let bare = module.name.hasPrefix(body) ? String(module.name.dropFirst(body.count)) : nil
      add(bare.map { prefix + $0 } ?? module.name, bare ?? module.name)
    }
    return names.map { name in
      "re:(.*\\.)?" + name.split(separator: ".").joined(separator: "\\.") + "$"
    }
  }
}

extension BodyDescription {
  /// The modules that belong to no layer, a pooler included.
  fileprivate var modulesBesideLayers: [ModuleTemplate] {
    modules.filter { !NameTemplate($0.name).isPerLayer } + poolerModules
  }
}

extension ModuleTemplate.Kind {
  /// The dimension of its matrix along which outputs lie; nil if it is no product of rows with a matrix of its own.
  fileprivate var outputAxis: Int? {
    switch self {
    case .linear, .projection: 0
    case .convolution: 1
    case .embedding, .norm, .vector, .scores: nil
    }
  }

  /// True if Transformers makes it of `torch.nn.Linear`.
  fileprivate var isLinear: Bool {
    switch self {
    case .linear, .projection, .scores: true
    case .convolution, .embedding, .norm, .vector: false
    }
  }
}
