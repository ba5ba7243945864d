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
    "activations", "applications", "constraints", "dtype_policies", "initializers", "layers",
    "losses", "metrics",
    "mixed_precision", "models", "ops", "optimizers", "quantizers", "random", "regularizers",
    "engine", "feature_column", "legacy_tf_layers", "premade_models", "tokenizers", "samplers",
  ]
  private static let packages = [
    "keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "keras_hub", "keras_nlp",
    "keras_cv",
  ]

  /// Looks through a JSON text for code; false if it is no JSON text.
  mutating func examineJSON(_ bytes: [UInt8], _ place: ScannedContent.Place) -> Bool {
    let first = bytes.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    guard first == UInt8(ascii: "{") || first == UInt8(ascii: "["), bytes.count <= limits.jsonBytes
    else { return false }
    guard ContentWalk.mentionsClasses(bytes) else {
      var reader = JSONReader(bytes, context: "JSON", maximumDepth: limits.jsonDepth)
      return (try? reader.skipValue()) != nil && (try? reader.readEnd()) != nil
    }
    let document: JSONValue
    do {
      document = try JSONValue(parsing: bytes, context: "JSON", maximumDepth: limits.jsonDepth)
    } catch {
      add(error.located(file: place.file, member: place.member, base: place.base))
      return true
    }
    var values = [document]
    while let value = values.popLast() {
      switch value {
      case .object(let members):
        examineObject(value, place)
        values += members.reversed().map(\.value)
      case .array(let elements): values += elements.reversed()
      default: break
      }
    }
    return true
  }

  /// True if a text may have a class's name in it, spelled with escapes perhaps.
  private static func mentionsClasses(_ bytes: [UInt8]) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    return text.contains("class_name") || text.contains("\\u00")
  }

  /// One object of the tree.
  private mutating func examineObject(_ object: JSONValue, _ place: ScannedContent.Place) {
    guard let className = object["class_name"]?.string else { return }
    let config = object["config"]
    let name = config?["name"]?.string ?? object["name"]?.string
    let layer = "\(className)\(name.map { " layer " + quoted($0) } ?? "")"
    switch className {
    case "__lambda__":
      return report(code: "marshalled Python code", .dangerous, at: place)
    case "Lambda":
      let isMarshalled =
        config?["function_type"]?.string == "lambda"
        || config?["function"]?["class_name"]?.string == "__lambda__"
        || config?["function"]?.elements != nil
      // The `__lambda__` inside is met by itself.
      if config?["function"]?["class_name"]?.string == "__lambda__" { break }
      report(
        code: "\(layer): " + (isMarshalled ? "marshalled Python code" : "a function of a name"),
        isMarshalled ? .dangerous : .unknown, at: place)
    case "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer":
      let function = config?["function"]?.string
      report(
        code: "\(layer): a function of TensorFlow" + (function.map { ", \(quoted($0))" } ?? ""),
        .unknown, at: place)
    default: break
    }
    // A function is spelled `{"class_name": "function", "config": name}`, a type `{"class_name": "__typespec__", …}`.
    let imported =
      className == "function" ? config?.string : object["spec_name"]?.string ?? className
    guard let module = object["module"]?.string, let imported,
      !ContentWalk.isModelPart(module, className)
    else { return }
    let global = GlobalName(module, imported)
    let registered = object["registered_name"]?.string.map { ", registered as \(quoted($0))" } ?? ""
    report(
      code: singleLine("\(global.description)\(registered)"), global: global,
      CheckpointScan.Verdict(GlobalVerdict(onImportOf: global)), at: place)
  }

  /// True for modules that hold parts of models and nothing else. A function of `builtins` is one of Keras' own.
  private static func isModelPart(_ module: String, _ className: String) -> Bool {
    if module == "builtins" { return className == "function" || className.hasPrefix("__") }
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
      return modelParts.contains(String(part))
    }
    return false
  }
}
