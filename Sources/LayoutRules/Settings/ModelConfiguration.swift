public import CheckpointBytes

/// What a model directory's `config.json` says of the model: a check on what the weights say, and the source of what
/// weights cannot show (the number of heads, the epsilon, the activation).
///
/// Two forms are read: Transformers' (5.23, and what earlier versions wrote), in which an absent key means the default
/// of the family's configuration class, and KerasHub's (0.32), in which every size is written.
public struct ModelConfiguration: Sendable {
  /// Whose form the file has.
  public enum Convention: String, Sendable, Hashable {
    case transformers
    case kerasHub = "keras-hub"
  }

  /// Whose form the file has.
  public let convention: Convention
  /// The path of the file, for errors.
  public let file: String
  /// The whole document, with the keys that nobody here asks for.
  public let document: JSONValue
  /// The family.
  public let family: ModelFamily
  /// The classes as the file names them: `architectures` in Transformers, the class of the task or backbone in KerasHub.
  public let classNames: [String]
  /// The heads of those classes as far as they are known here, in the same order.
  public let heads: [ModelHead]
  /// The sizes. Its `labels` are ``labelCount`` where the first head has a classifier, and 0 where it has none or none is
  /// stated; its `positions` count the rows that no token has.
  public let sizes: ModelSizes
  /// The number of labels, stated or by default; Transformers has it for every model.
  public let labelCount: Int
  /// True if the language model's output is stated to be its word embeddings.
  public let tiesWordEmbeddings: Bool
  /// The epsilon of the body's normalisations.
  public let normalizationEpsilon: Double
  /// The activation of the feed-forward part, as Transformers names it.
  public let activation: String
  /// What KerasHub's classifier applies to its scores; nil for nothing, and in Transformers' form.
  public let scoreActivation: String?

  /// Reads a configuration in either form.
  ///
  /// - Parameters:
  ///   - bytes: The text of `config.json`.
  ///   - file: Its path, for errors.
  ///   - task: The text of KerasHub's `task.json` and its path, where a preset has one: it names the head.
  ///   - families: The families that are known.
  ///   - family: The family where the file names none: those of 2018 and 2019 have neither `model_type` nor `architectures`; or
  ///     where it names two: if it is that of `model_type`, the classes of another one in `architectures` are none.
  /// - Throws: `malformed` or `truncated` for text that is no JSON object, a key that occurs twice, or a value of the
  ///   wrong type; `notFound` for a size without default, or if nothing tells the family; `unsupported` for another kind of
  ///   model; `inconsistent` if the file contradicts itself.
  public init(
    parsing bytes: [UInt8], file: String, task: (bytes: [UInt8], file: String)? = nil,
    among families: FamilyList, family: @autoclosure () -> ModelFamily? = nil
  ) throws(CheckpointError) {
    let document = try Self.document(bytes, file)
    let reader = try SettingsReader(document, file: file)
    if reader.has("class_name") && reader.has("config") {
      let taskReader = try task.map { (task) throws(CheckpointError) in
        try SettingsReader(try Self.document(task.bytes, task.file), file: task.file)
      }
      self = try ModelConfiguration(
        kerasHub: reader, task: taskReader, document: document, file: file, among: families)
    } else {
      self = try ModelConfiguration(
        transformers: reader, document: document, file: file, among: families, family: family())
    }
  }

  private static func document(
    _ bytes: [UInt8], _ file: String
  ) throws(CheckpointError) -> JSONValue {
    try JSONValue(parsing: bytes, file: file, context: "configuration")
  }
}

extension ModelHead {
  /// True if the classifier's rows are as many as the configuration's labels.
  public var hasLabels: Bool { self == .sequenceClassification || self == .tokenClassification }

  /// The head of a class of Transformers 5.23, or of the TensorFlow class (4.41) of the same name.
  public init?(className: String, in family: ModelFamily) {
    let name = className.hasPrefix("TF") ? String(className.dropFirst(2)) : className
    guard let head = family.heads.first(where: { $0.className(in: family) == name }) else {
      return nil
    }
    self = head
  }
}
