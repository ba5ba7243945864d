package import CheckpointBytes

/// Takes settings out of a `config.json`: typed, with the defaults of the reference's class, and nothing overlooked.
///
/// The rule for keys: what the reference's code reads is either read here, or refused unless it has the value at which it
/// changes nothing (``refuseUnsupported()``). That list is complete, since the code reads a closed set of names
/// (`modeling_bert.py`, `modeling_gpt2.py`, `modeling_roberta.py`, `modeling_utils.py`, `masking_utils.py`,
/// `configuration_utils.py`, Transformers 5.23). Every other key becomes an attribute that nobody looks at there, so it
/// cannot change a number and is accepted here.
package struct SettingsReader {
  private let values: [ExactName: JSONValue]
  package let file: String?
  /// What stands before a key in errors: `config.` inside KerasHub's serialised objects.
  private let prefix: String

  package init(_ document: JSONValue, file: String?) throws(CheckpointError) {
    try self.init(document, file: file, prefix: "")
  }

  private init(
    _ document: JSONValue, file: String?, prefix: String
  ) throws(CheckpointError) {
    guard let members = document.members else {
      throw CheckpointError(
        .malformed,
        CheckpointError.Site(
          file: file, field: prefix.isEmpty ? "configuration" : String(prefix.dropLast())),
        "expected a JSON object")
    }
    values = Dictionary(
      members.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
    self.file = file
    self.prefix = prefix
  }

  /// The object under a key.
  package func object(_ key: ExactName) throws(CheckpointError) -> SettingsReader {
    guard let value = setValue(key) else { throw missing(key) }
    return try SettingsReader(value, file: file, prefix: prefix + key.string + ".")
  }

  /// True if something is said under a key.
  package func has(_ key: ExactName) -> Bool { setValue(key) != nil }

  private func missing(_ key: ExactName) -> CheckpointError {
    failure(.notFound, key, "the key is not there")
  }

  /// The value under a key; nil if the key is not there.
  package func value(_ key: ExactName) -> JSONValue? { values[key] }

  /// The value under a key; nil if the key is not there or its value is null.
  private func setValue(_ key: ExactName) -> JSONValue? {
    let value = values[key]
    return value == .null ? nil : value
  }

  /// An error about a key.
  package func failure(
    _ kind: FailureKind, _ key: ExactName, _ problem: String, remedy: Wording? = nil
  ) -> CheckpointError {
    CheckpointError(
      kind, CheckpointError.Site(file: file, field: prefix + key.string), problem, remedy: remedy)
  }

  private func wrongType(_ key: ExactName, _ expected: String) -> CheckpointError {
    failure(.malformed, key, "expected \(expected), found \(shown(value(key) ?? .null))")
  }

  package func optionalInteger(_ key: ExactName, default fallback: Int?) throws(CheckpointError)
    -> Int?
  {
    guard let value = value(key) else { return fallback }
    if value == .null { return nil }
    guard let number = value.integer else { throw wrongType(key, "an integer or null") }
    return number
  }

  /// A number above zero, of things that there are; an error where neither it nor a default is there.
  package func count(
    _ key: ExactName, default fallback: Int? = nil
  ) throws(CheckpointError) -> Int {
    guard let value = value(key) else {
      guard let fallback else { throw missing(key) }
      return fallback
    }
    guard let number = value.integer else { throw wrongType(key, "an integer") }
    guard number > 0 else { throw failure(.malformed, key, "expected at least 1, found \(number)") }
    return number
  }

  /// One integer, a list of them, or null, which is none.
  package func integers(_ key: ExactName, default fallback: [Int]) throws(CheckpointError) -> [Int]
  {
    guard let value = value(key) else { return fallback }
    if value == .null { return [] }
    if let number = value.integer { return [number] }
    guard let elements = value.elements else {
      throw wrongType(key, "an integer, a list of integers or null")
    }
    return try elements.map { (element) throws(CheckpointError) in
      guard let number = element.integer else { throw wrongType(key, "a list of integers") }
      return number
    }
  }

  package func number(_ key: ExactName, default fallback: Double) throws(CheckpointError) -> Double
  {
    guard let value = value(key) else { return fallback }
    guard case .number(let number) = value, number.double.isFinite else {
      throw wrongType(key, "a number")
    }
    return number.double
  }

  package func optionalNumber(_ key: ExactName) throws(CheckpointError) -> Double? {
    guard setValue(key) != nil else { return nil }
    return try number(key, default: 0)
  }

  package func optionalBoolean(_ key: ExactName) throws(CheckpointError) -> Bool? {
    guard setValue(key) != nil else { return nil }
    return try boolean(key, default: false)
  }

  package func boolean(_ key: ExactName, default fallback: Bool) throws(CheckpointError) -> Bool {
    guard let value = value(key) else { return fallback }
    guard case .boolean(let truth) = value else { throw wrongType(key, "true or false") }
    return truth
  }

  package func optionalString(_ key: ExactName) throws(CheckpointError) -> String? {
    guard let value = setValue(key) else { return nil }
    guard let text = value.string else { throw wrongType(key, "a string") }
    return text
  }

  package func string(_ key: ExactName, default fallback: String) throws(CheckpointError) -> String
  {
    guard let value = value(key) else { return fallback }
    guard let text = value.string else { throw wrongType(key, "a string") }
    return text
  }

  package func strings(_ key: ExactName) throws(CheckpointError) -> [String] {
    guard let value = setValue(key) else { return [] }
    guard let elements = value.elements else { throw wrongType(key, "a list of strings") }
    return try elements.map { (element) throws(CheckpointError) in
      guard let text = element.string else { throw wrongType(key, "a list of strings") }
      return text
    }
  }

  /// Refuses a setting unless it has a value at which it changes nothing.
  package func require(
    _ key: ExactName, oneOf allowed: [JSONValue], supported: String
  ) throws(CheckpointError) {
    guard let value = value(key), !allowed.contains(value) else { return }
    throw unsupported(key, supported: supported)
  }

  /// The error for a value that would change what the model computes.
  package func unsupported(_ key: ExactName, supported: String) -> CheckpointError {
    failure(
      .unsupported, key, "\(shown(value(key) ?? .null)) changes what the model computes",
      remedy: "supported is \(supported)")
  }

  /// Refuses a setting unless it is null or the number at which it changes nothing.
  package func require(_ key: ExactName, equals neutral: Double) throws(CheckpointError) {
    if case .number(let number)? = value(key), number.double == neutral { return }
    try require(key, oneOf: [.null], supported: "\(neutral)")
  }

  private func shown(_ value: JSONValue) -> String {
    singleLine(JSONWriter.text(value), limit: 60)
  }
}

extension SettingsReader {
  /// Refuses what the reference's code would act upon in every family, and this does not implement.
  package func refuseUnsupported() throws(CheckpointError) {
    let no: [JSONValue] = [.boolean(false), .null]
    try require("is_encoder_decoder", oneOf: no, supported: "false")
    try require("add_cross_attention", oneOf: no, supported: "false")
    _ = try QuantizationSettings(self)
    try require("per_layer_config", oneOf: [.null, .object([])], supported: "no such setting")
    try require("fusion_config", oneOf: [.null, .object([])], supported: "no such setting")
    // The name of the file that the weights are taken from, instead of those that are looked for otherwise.
    try require("transformers_weights", oneOf: [.null], supported: "no such setting")
    try require("pruned_heads", oneOf: [.null, .object([])], supported: "no pruned heads")
    // Transformers 5 no longer reads it, but checkpoints with relative positions are still about.
    try require(
      "position_embedding_type", oneOf: [.string("absolute"), .null], supported: "\"absolute\"")
  }

  /// Refuses an `is_causal` that is not what the model does anyway. It is no setting of these families, but the reference acts
  /// upon it where it is there: false or null gives a causal model the mask of one that looks ahead
  /// (`create_causal_mask` of `masking_utils.py`), and true makes a model that looks ahead causal, though only where its
  /// mask hides nothing (`sdpa_attention_forward`).
  package func requireCausality(_ isCausal: Bool) throws(CheckpointError) {
    try require(
      "is_causal", oneOf: isCausal ? [.boolean(true)] : [.boolean(false), .null],
      supported: "\(isCausal) for this model")
  }

  /// Refuses a configuration of another family.
  package func requireModelType(_ expected: String) throws(CheckpointError) {
    guard let found = try optionalString("model_type"), found != expected else { return }
    throw failure(
      .mismatch, "model_type", "expected \(quoted(expected)), found \(quoted(found))")
  }
}
