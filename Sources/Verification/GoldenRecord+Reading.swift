public import CheckpointBytes
internal import LanguageModels
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

extension GoldenRecord {
  /// The values of a recorded output or input, as they were recorded, in row-major order. Booleans are 0 and 1.
  ///
  /// - Throws: `notFound` for a name that was not recorded; what reading throws.
  public func values(of name: ExactName) throws(CheckpointError) -> [Double] {
    guard let weight = outputs[name] ?? inputs[name] else {
      throw CheckpointError(.notFound, tensor: name.string, "it was not recorded")
    }
    return try weight.doubles(named: name)
  }

  /// The values of an input in row-major order; nil if it was not recorded. A mask may be of booleans.
  ///
  /// - Throws: `malformed` for a number beyond 2⁵³; what reading throws.
  public func integers(of name: ExactName) throws(CheckpointError) -> [Int]? {
    guard let weight = inputs[name] else { return nil }
    return try TokenArray(weight, named: name).elements
  }

  /// The recorded `attention_mask`; nil if there is none, or it hides nothing.
  ///
  /// - Throws: What reading it throws.
  public func paddingMask() throws(CheckpointError) -> PaddingMask? {
    guard let weight = inputs["attention_mask"], let mask = try integers(of: "attention_mask")
    else { return nil }
    return PaddingMask(dimensions: weight.shape.dimensions, mask: mask)
  }
}

extension GoldenRecord.Origin {
  /// Reads a record's metadata; without the key nothing is known.
  ///
  /// - Throws: `malformed` if the text is no JSON object, or a statement that matters is no text; `unsupported` for another
  ///   version of the format.
  init(_ metadata: CheckpointMetadata, file: String?) throws(CheckpointError) {
    self.init()
    guard let text = metadata.entries?[Self.key] else { return }
    let document = try JSONValue(
      parsing: Array(text.utf8), file: file ?? Self.key.string, context: Self.key.string)
    guard let members = document.members else {
      throw Self.malformed(file, "expected a JSON object")
    }
    statements = members
    let version = document["version"] ?? .null
    guard version == .null || version.integer == 1 else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(file: file, field: Self.key.string),
        "version \(singleLine(JSONWriter.text(version), limit: 20)), only 1 is known")
    }
    modelClass = try Self.text(document, "class", file)
    attention = try Self.text(document, "attention", file)
    inputs = Set(try Self.names(document, "inputs", file))
    order = try Self.names(document, "order", file)
    if let name = try Self.text(document, "dtype", file) {
      let types: [String: DType] = [
        "float64": .f64, "float32": .f32, "float16": .f16, "bfloat16": .bf16,
      ]
      guard let type = types[name] else {
        throw Self.malformed(file, "dtype \(quoted(name)) is not known")
      }
      dtype = type
    }
  }

  private static func text(
    _ document: JSONValue, _ key: ExactName, _ file: String?
  ) throws(CheckpointError) -> String? {
    guard let value = document[key], value != .null else { return nil }
    guard let text = value.string else { throw malformed(file, "\(key) is no text") }
    return text
  }

  private static func names(
    _ document: JSONValue, _ key: ExactName, _ file: String?
  ) throws(CheckpointError) -> [ExactName] {
    guard let value = document[key], value != .null else { return [] }
    let texts = value.elements?.map(\.string)
    guard let texts, !texts.contains(nil) else {
      throw malformed(file, "\(key) is no list of names")
    }
    return texts.compactMap { $0.map { ExactName($0) } }
  }

  private static func malformed(_ file: String?, _ problem: String) -> CheckpointError {
    CheckpointError(
      .malformed, CheckpointError.Site(file: file, field: key.string), problem)
  }
}
