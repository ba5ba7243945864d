internal import CheckpointBytes
internal import PickleFormat
internal import TorchFormat

/// Keras rebuilds a model from a JSON tree of `{"class_name": …, "config": …, "module": …, "registered_name": …}`
/// (`keras/src/saving/serialization_lib.py`, Keras 3.15; `keras/src/saving/legacy`, Keras 2.15). What stands there is
/// Keras' own, or is imported from `module`, or is marshalled code.
extension ContentWalk {
  /// Parts of Keras whose classes and functions only make layers, losses and the like. Others open files or load code
  /// (`keras.utils.get_file`, `keras.saving.load_model`).
  private static let modelParts: Set<String> = [
    "activations", "constraints", "dtype_policies", "initializers", "layers", "losses", "metrics",
    "mixed_precision", "ops", "optimizers", "quantizers", "random", "regularizers",
    "engine", "feature_column", "legacy_tf_layers", "premade_models", "tokenizers", "samplers",
  ]
  private static let packages = [
    "keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "keras_hub", "keras_nlp",
    "keras_cv",
  ]

  /// One object of the tree.
  mutating func examineKerasObject(_ object: JSONValue, _ place: ScannedContent.Place) {
    guard let className = object["class_name"]?.string else { return }
    let config = object["config"]
    let name = config?["name"]?.string ?? object["name"]?.string
    let layer = "\(className)\(name.map { " layer " + quoted($0) } ?? "")"
    switch className {
    case "__lambda__":
      return report(
        code: "marshalled Python code", (.dangerous, "is run when the model is loaded"), at: place)
    case "Lambda":
      let isMarshalled =
        config?["function_type"]?.string == "lambda"
        || config?["function"]?["class_name"]?.string == "__lambda__"
        || config?["function"]?.elements != nil
      // The `__lambda__` inside is met by itself.
      if config?["function"]?["class_name"]?.string == "__lambda__" { break }
      report(
        code: "\(layer): " + (isMarshalled ? "marshalled Python code" : "a function of a name"),
        isMarshalled
          ? (.dangerous, "is run when the model is loaded")
          : (.unknown, "is looked up and called when the model runs"),
        at: place)
    case "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer":
      let function = config?["function"]?.string
      report(
        code: "\(layer): a function of TensorFlow" + (function.map { ", \(quoted($0))" } ?? ""),
        (.unknown, "may read and write files"), at: place)
    case "TorchModuleWrapper":
      report(
        code: "\(layer): a pickle of PyTorch in base64", (.dangerous, "is unpickled"), at: place)
      if let text = config?["module"]?.string, let bytes = PickleScan.Embedded.base64(text.utf8) {
        pending.append(
          ScannedContent(
            MemoryBytes(bytes, origin: place.file), at: place.inside(layer), name: nil,
            depth: depth + 1))
      }
    case "TFSMLayer":
      report(
        code: "\(layer): a SavedModel at another place", (.unknown, "is loaded and run"), at: place)
    case "StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup":
      // A vocabulary that is no list is the path of a file.
      guard let path = config?["vocabulary"]?.string else { break }
      report(
        code: "\(layer): the vocabulary \(quoted(path))", (.unknown, "is a file that is read"),
        at: place)
    default: break
    }
    // A function is spelled `{"class_name": "function", "config": name}`, a type `{"class_name": "__typespec__", …}`.
    let imported =
      className == "function" ? config?.string : object["spec_name"]?.string ?? className
    guard let module = object["module"]?.string, let imported,
      !ContentWalk.isModelPart(module, className, imported)
    else { return }
    let registered = object["registered_name"]?.string.map { ", registered as \(quoted($0))" } ?? ""
    report(importOf: GlobalName(module, imported), registered, at: place)
  }

  /// A member of any object of a configuration: functions that Keras' safe mode has let through (CVE-2025-1550,
  /// CVE-2025-8747, CVE-2025-9906).
  mutating func examineKerasMember(
    _ member: JSONValue.Member, of object: JSONValue, _ place: ScannedContent.Place
  ) {
    guard let text = member.value.string else { return }
    let isSwitch =
      text.contains("keras")
      && text.utf8.reversed().starts(
        with: "enable_unsafe_deserialization".utf8.reversed())
      && !text.contains(" ")
    let fetches =
      text == "get_file" && ContentWalk.strings(in: object).contains { $0.contains("://") }
    if isSwitch || fetches {
      report(
        code: "\(quoted(text)) as \(quoted(member.key.string))",
        (.dangerous, "is a function of Keras that downloads files or lets code be loaded"),
        at: place)
    }
    guard member.key.string == "fn_module", object["class_name"] == nil else { return }
    report(importOf: GlobalName(text, object["fn"]?.string ?? "?"), ", as fn_module", at: place)
  }

  /// True for modules that hold parts of models and nothing else. A function of `builtins` is one of Keras' own.
  private static func isModelPart(
    _ module: String, _ className: String, _ name: String
  ) -> Bool {
    if module == "builtins" {
      // Keras before 3.9 takes Python's where it has none of that name (CVE-2025-1550).
      let verdict = GlobalVerdict(onImportOf: GlobalName(module, name))
      return (className.hasPrefix("__") || className == "function") && verdict.level != .dangerous
    }
    for package in packages where module == package || module.hasPrefix(package + ".") {
      let parts = module.dropFirst(package.count).split(separator: ".")
      let inner = parts.first == "src" ? parts.dropFirst() : parts[...]
      // The package itself: `keras.Model`, `keras.Sequential`, `keras.Variable`.
      guard let part = inner.first else {
        return [
          "Model", "Sequential", "Functional", "Variable", "DTypePolicy", "FloatDTypePolicy",
          "KerasTensor", "Input", "InputLayer",
        ].contains(className)
      }
      // Beside the classes of models there are functions that load them from anywhere.
      if part == "backend", inner.count > 2 { return inner[inner.startIndex + 2] == "optimizers" }
      if part == "models" { return ["Model", "Sequential", "Functional"].contains(name) }
      return modelParts.contains(String(part))
    }
    return false
  }
}
