internal import CheckpointBytes
internal import PickleFormat

/// Keys of configurations whose values name what a loader imports, calls or downloads.
///
/// | key | who acts on it |
/// |---|---|
/// | `auto_map`, `custom_pipelines`, `trust_remote_code` | Transformers, Diffusers, sentence-transformers with `trust_remote_code` |
/// | `attn_implementation`, also with `_` in front and `_internal` behind, with a repository | Transformers, by the package `kernels` |
/// | `_target_`; `target` with `params` or outermost; `class_path` with `init_args` | Hydra, NeMo; `instantiate_from_config` of Stable Diffusion; LightningCLI |
/// | `model_index.json`, a list as `_class_name` | Diffusers |
/// | `parent_library` of `auto_mapping`, `megatron_core` | PEFT |
/// | `type` in a list of modules, `types` of a router, activation functions | sentence-transformers |
/// | `loader_module`, `code`, `model_code_path`, `pickle_module_info.txt`, `keras_module.txt` | MLflow |
/// | `custom_imports` | MMEngine |
/// | `class` beside `sparkVersion` | Spark MLlib |
extension ContentWalk {
  /// Keys that name a class or module by themselves, in YAML as in JSON.
  static let importingKeys = [
    "_target_", "loader_module", "model_code_path", "keras_module", "class_path",
    "trust_remote_code", "custom_imports",
  ]
  /// Keys that do so beside others.
  static let dependentKeys = ["target", "code"]

  /// The keys to look for in a text of YAML.
  static func keys(in bytes: [UInt8], _ place: ScannedContent.Place) -> [String] {
    let keys = importingKeys.filter { bytes.index(of: Array($0.utf8)) != nil }
    return keys + (hasTargets(bytes, place) ? ["target"] : [])
      + (isMLmodel(place) ? ["code"] : [])
  }

  /// True for a text of YAML in which a `target` is what is imported: beside `params` that are no list, in what NeMo reads out of
  /// its archives, and at the beginning of a configuration, where NeMo wants no `params` (`Serialization`).
  private static func hasTargets(_ bytes: [UInt8], _ place: ScannedContent.Place) -> Bool {
    let name = place.name.lowercased()
    if name.hasSuffix("model_config.yaml") { return bytes.index(of: Array("target".utf8)) != nil }
    let isYAML = [".yaml", ".yml"].contains(where: name.hasSuffix)
    var isOutermost = false
    if isYAML {
      for range in YAMLText.lines(of: bytes, holding: [Array("target".utf8)]) {
        let word = bytes[range].drop { "\"'{".utf8.contains($0) }
        isOutermost = isOutermost || word.starts(with: "target".utf8)
      }
    }
    return isOutermost
      || has("target", in: bytes) { _ in true }
        && has("params", in: bytes) { $0 != UInt8(ascii: "[") }
  }

  /// True for a JSON text that is taken apart by its name, or for a key whose values are text; the same words are in every
  /// vocabulary, with numbers.
  static func mayName(_ bytes: [UInt8], _ place: ScannedContent.Place) -> Bool {
    let name = place.name.lowercased()
    if ["modules.json", "model_index.json", "mlmodel"].contains(where: name.hasSuffix) {
      return true
    }
    return has("\"target\"", in: bytes) { $0 == UInt8(ascii: "\"") }
      || has("\"types\"", in: bytes) { $0 == UInt8(ascii: "{") }
  }

  /// True where a key is followed by a value whose first character is as it should be.
  private static func has(
    _ key: String, in bytes: [UInt8], before isStart: (UInt8?) -> Bool
  ) -> Bool {
    let key = Array(key.utf8)
    var position = 0
    while let found = bytes.index(of: key, from: position) {
      position = found + key.count
      // A key of YAML may stand in quotes, which are no part of it here.
      let behind = bytes[position...].drop { "\"'".utf8.contains($0) }
      let value = behind.drop { " \t\r\n:".utf8.contains($0) }
      if isStart(value.first) { return true }
    }
    return false
  }

  /// Keys of JSON of which `examineNames` knows what they name.
  static let namingKeys: Set<String> = Set(
    importingKeys + dependentKeys + [
      "auto_map", "custom_pipelines", "parent_library", "type", "types", "attn_implementation",
      "_attn_implementation", "_attn_implementation_internal", "megatron_core",
      "activation_function", "activation_fn",
      "sbert_ce_default_activation_function", "tokenizer_class", "_class_name", "class",
      "pythonClass",
    ])

  /// `package.module.Class`, imported and called.
  private mutating func report(
    path: String, _ words: String, _ place: ScannedContent.Place
  ) {
    guard let dot = path.lastIndex(of: ".") else { return }
    report(
      importOf: GlobalName(String(path[..<dot]), String(path[path.index(after: dot)...])), words,
      at: place)
  }

  // MARK: YAML and JSON

  /// True for a file that MLflow reads by its name.
  private static func isMLmodel(_ place: ScannedContent.Place) -> Bool {
    place.name.lowercased().hasSuffix("mlmodel")
  }

  /// One key of `importingKeys` or `dependentKeys` and its value.
  mutating func examineName(_ value: String, ofKey key: String, _ place: ScannedContent.Place) {
    guard !["null", "~", "none"].contains(value.lowercased()) else { return }
    switch key {
    case "_target_": report(path: value, ", as _target_", place)
    case "target", "class_path":
      guard !value.contains("/"), !value.contains("://"), ContentWalk.isDotted(value) else { break }
      report(path: value, ", as \(key)", place)
    case "loader_module": examineLoader(value, place)
    case "keras_module": examineKerasModule(value, place)
    case "model_code_path":
      report(
        code: "\(quoted(value)) as model_code_path of MLflow",
        (.unknown, "is Python code that is run when the model is loaded"), at: place)
    case "code" where ContentWalk.isMLmodel(place):
      report(
        code: "the directory \(quoted(value)) as code of MLflow",
        (.unknown, "is put in front of where Python looks for modules"), at: place)
    case "custom_imports" where !place.isDescription:
      report(
        code: "custom_imports", (.unknown, "names modules that MMEngine imports"), at: place)
    case "trust_remote_code" where !ContentWalk.saysNo(value):
      guard !place.isDescription else { break }
      report(
        code: "trust_remote_code", (.unknown, "asks loaders to run code of a repository"),
        at: place)
    default: break
    }
  }

  /// True for a text that says no to people: to Python, any but the empty one is true.
  private static func saysNo(_ text: String) -> Bool {
    let word = text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return ["", "false", "no", "off", "n", "f", "null", "~", "none", "[]"].contains(word)
      || Double(word) == 0
  }

  /// True for what Python takes for true, except for texts that say no.
  private static func isTrue(_ value: JSONValue) -> Bool {
    switch value {
    case .object(let members): !members.isEmpty
    case .array(let elements): !elements.isEmpty
    case .string(let text): !saysNo(text)
    case .number(let number): Double(number.text) != 0
    case .boolean(let isTrue): isTrue
    case .null: false
    }
  }

  /// True for names with points between them.
  private static func isDotted(_ text: String) -> Bool {
    var hasPoint = false
    var isInName = false
    for character in text {
      if character == "." {
        guard isInName else { return false }
        (hasPoint, isInName) = (true, false)
      } else {
        guard character.isLetter || character == "_" || isInName && character.isNumber else {
          return false
        }
        isInName = true
      }
    }
    return hasPoint && isInName
  }

  /// One key of `namingKeys` and its value.
  mutating func examineNames(
    _ member: JSONValue.Member, of object: JSONValue, _ place: ScannedContent.Place
  ) {
    let key = member.key.string
    let value = member.value.string
    switch key {
    case "auto_map", "custom_pipelines":
      for path in ContentWalk.strings(in: member.value) where path.contains(".") {
        report(
          code: "\(quoted(path)) in \(key)",
          (
            .unknown,
            path.contains("--")
              ? "is Python code of another repository that trust_remote_code runs"
              : "is Python code that trust_remote_code runs"
          ), at: place)
      }
    case "trust_remote_code":
      if ContentWalk.isTrue(member.value) { examineName("true", ofKey: key, place) }
    case "_class_name":
      guard let names = member.value.elements?.compactMap(\.string), !names.isEmpty else { break }
      report(
        code: "the pipeline \(quoted(names.joined(separator: "."))) of its own",
        (.unknown, "is Python code that Diffusers runs"), at: place)
    case "target":
      // A list of them is data: they are arguments with names.
      if let value, let params = object["params"], params.elements == nil {
        examineName(value, ofKey: key, place)
      }
    case "class_path":
      if let value, object["init_args"] != nil || object["dict_kwargs"] != nil {
        examineName(value, ofKey: key, place)
      }
    case "_target_", "loader_module", "keras_module", "model_code_path", "code":
      if let value { examineName(value, ofKey: key, place) }
    case "parent_library":
      guard let value,
        !["transformers", "diffusers", "sentence_transformers"].contains(
          value.prefix { $0 != "." })
      else { break }
      report(
        importOf: GlobalName(value, object["base_model_class"]?.string ?? "?"),
        ", as parent_library of PEFT", at: place)
    case "megatron_core":
      guard let value, value != "megatron.core" else { break }
      report(importOf: GlobalName(value, "?"), ", as megatron_core of PEFT", at: place)
    case "type":
      guard object["path"] != nil, object["idx"] != nil || place.name.hasSuffix("modules.json"),
        let value, !value.hasPrefix("sentence_transformers.")
      else { break }
      report(path: value, ", as a module of sentence-transformers", place)
    case "types":
      guard object["structure"] != nil else { break }
      for path in ContentWalk.strings(in: member.value)
      where !path.hasPrefix("sentence_transformers.") {
        report(path: path, ", as a module of sentence-transformers", place)
      }
    case "tokenizer_class":
      guard let value, !value.hasPrefix("sentence_transformers."), ContentWalk.isDotted(value)
      else { break }
      report(path: value, ", as tokenizer_class", place)
    case "activation_function", "activation_fn", "sbert_ce_default_activation_function":
      guard let value, !value.hasPrefix("torch.nn."), ContentWalk.isDotted(value) else { break }
      report(path: value, ", as a function of sentence-transformers", place)
    case "attn_implementation", "_attn_implementation", "_attn_implementation_internal":
      for repository in ContentWalk.strings(in: member.value) where repository.contains("/") {
        report(
          code: "\(quoted(repository)) as \(key)",
          (.unknown, "is code of a repository that Transformers loads by the package kernels"),
          at: place)
      }
    case "class", "pythonClass":
      // `DefaultParamsReader` imports it (`pyspark/ml/util.py`).
      guard object["sparkVersion"] != nil, let value,
        !["org.apache.spark.", "pyspark.ml."].contains(where: value.hasPrefix)
      else { break }
      report(path: value, ", as a class of Spark", place)
    case "custom_imports":
      for module in ContentWalk.strings(in: member.value) {
        report(importOf: GlobalName(module, "?"), ", as custom_imports of MMEngine", at: place)
      }
    default: break
    }
  }

  // MARK: MLflow

  /// Loaders of MLflow that read formats of data, which are looked at as what they are (`mlflow/*/__init__.py`, 3.17).
  private static let dataLoaders: Set<String> = [
    "mlflow.onnx", "mlflow.xgboost", "mlflow.catboost", "mlflow.prophet", "mlflow.transformers",
    "mlflow.sentence_transformers", "mlflow.keras",
  ]

  private mutating func examineLoader(_ module: String, _ place: ScannedContent.Place) {
    guard !ContentWalk.dataLoaders.contains(module) else { return }
    if module == "mlflow" || module.hasPrefix("mlflow.") {
      report(
        code: "\(quoted(module)) as loader_module of MLflow",
        (.unknown, "unpickles or runs what lies beside it"), at: place)
    } else {
      report(
        importOf: GlobalName(module, "_load_pyfunc"), ", as loader_module of MLflow", at: place)
    }
  }

  private mutating func examineKerasModule(_ module: String, _ place: ScannedContent.Place) {
    let isKeras = ["keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras"].contains {
      module == $0 || module.hasPrefix($0 + ".")
    }
    guard !isKeras else { return }
    report(importOf: GlobalName(module, "models"), ", as the module of Keras", at: place)
  }

  /// Texts that loaders know by their names.
  mutating func examineNamedText(_ bytes: [UInt8], _ place: ScannedContent.Place) {
    let name = place.name.lowercased()
    func module() -> String {
      String(
        String(decoding: bytes.prefix(1_000), as: UTF8.self).split(whereSeparator: \.isWhitespace)
          .first ?? "")
    }
    if name.hasSuffix("pickle_module_info.txt") {
      let module = module()
      guard !["mlflow.pytorch.pickle_module", "pickle", "cloudpickle"].contains(module) else {
        return
      }
      report(importOf: GlobalName(module, "load"), ", as the pickle module of MLflow", at: place)
    } else if name.hasSuffix("keras_module.txt") {
      examineKerasModule(module(), place)
    } else if name.hasSuffix("mlproject") {
      report(
        code: "a project of MLflow", (.unknown, "has commands that mlflow run starts"), at: place)
    }
  }

  // MARK: Diffusers

  /// Libraries that `model_index.json` names beside the pipelines of Diffusers' own (`LOADABLE_CLASSES`, 0.42).
  private static let pipelineLibraries: Set<String> = [
    "diffusers", "transformers", "onnxruntime.training",
  ]

  /// The components of a pipeline: `"unet": ["diffusers", "UNet2DConditionModel"]`. What is neither a library above nor a
  /// pipeline of Diffusers is a file beside the component, or is imported.
  mutating func examineModelIndex(_ document: JSONValue, _ place: ScannedContent.Place) {
    guard place.name.lowercased().hasSuffix("model_index.json"), let members = document.members
    else { return }
    for member in members where member.key.string != "_class_name" {
      guard let elements = member.value.elements, elements.count >= 2,
        let library = elements[0].string, let name = elements[1].string,
        !ContentWalk.pipelineLibraries.contains(library),
        !DiffusersPipelines.modules.contains(library)
      else { continue }
      report(
        importOf: GlobalName(library, name), ", as \(quoted(member.key.string)) of Diffusers",
        at: place)
    }
  }
}
