public import CheckpointBytes
public import Checkpoints
public import LanguageModels
internal import LayoutRules
internal import Tokenizers

/// A text beside others, and how well it fits a query.
public struct RankedText: Sendable, Hashable {
  /// Its place among the texts.
  public let index: Int
  /// The higher the better.
  public let score: Double
  /// The text.
  public let text: String
}

/// A query, and the texts that are ranked by it.
public struct RankingInput: Sendable, Hashable {
  /// What is looked for.
  public var query: String
  /// The texts; nil for those of the task.
  public var documents: [String]?

  /// A query, with texts of its own or without.
  public init(_ query: String, documents: [String]? = nil) {
    self.query = query
    self.documents = documents
  }

  /// `query` or `text`, and `documents`.
  init(_ row: TaskRow) throws(CheckpointError) {
    self.init(try row.text("query", "text"), documents: try row.texts("documents"))
  }
}

/// Ranks texts by a query, each beside it, as `CrossEncoder.rank` of sentence-transformers does (6.2).
///
///     let reranking = try Reranking.load(from: "models/cross-encoder")
///     let best = try reranking.answer(to: RankingInput("how heavy is it?", documents: passages))
public struct Reranking: TextTask {
  private let model: TextModel
  private let function: TextClassification.Function
  /// The texts where a query has none of its own.
  public var documents: [String] = []
  /// What is put before each query.
  public var prompt = ""
  /// So many texts are given, the best first; nil for all.
  public var top: Int?

  /// Takes a model with a head for sequences and one label.
  ///
  /// - Parameters:
  ///   - model: The model with its tokenizer.
  ///   - function: What the label's number is made into; nil for what the configuration says
  ///     (`sentence_transformers.activation_fn`, before 4.0 `sbert_ce_default_activation_function`), or else the sigmoid.
  /// - Throws: `unsupported` for another model, and for an activation that is neither the sigmoid nor the identity.
  public init(
    _ model: TextModel, function: TextClassification.Function? = nil
  ) throws(CheckpointError) {
    try model.require(.sequenceClassification, "does not rank texts")
    let count = model.model.configuration.labels.count
    guard count == 1 else {
      throw CheckpointError(
        .unsupported, field: "num_labels", "\(count): texts are ranked by a single number",
        remedy: "classify pairs instead")
    }
    self.model = model
    // `??` would lose the type of the error.
    if let function {
      self.function = function
    } else {
      let document = try model.model.configuration.document
      self.function = try Self.function(
        activation: document["sentence_transformers"]?["activation_fn"]
          ?? document["sbert_ce_default_activation_function"] ?? .null)
    }
  }

  /// Loads a cross-encoder as sentence-transformers does: with the activation, the prompt and the greatest length that the files
  /// beside the model state (`config_sentence_transformers.json` and `sentence_bert_config.json`, of a directory that
  /// `CrossEncoder` saved), and else with those of its own files.
  ///
  /// - Parameters:
  ///   - path: The model's directory, or a file of weights in it.
  ///   - function: Nil for what the files say.
  ///   - options: How the weights are taken.
  ///   - openOptions: How files are opened.
  /// - Throws: What ``ModelSource``, its `load(_:options:)` and `tokenizer()`, and ``init(_:function:)`` throw; `unsupported`, naming
  ///   file and key, for a module or a setting that is not implemented.
  public static func load(
    from path: String, function: TextClassification.Function? = nil,
    options: LoadOptions = LoadOptions(), opening openOptions: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> Reranking {
    let path = try HubCache.located(path)
    let directory = try SentenceDirectory(path, openOptions.limits, for: .scores)
    let model = try TextModel.load(
      from: directory?.modelPath ?? path, head: .sequenceClassification, options: options,
      opening: openOptions)
    let settings = try directory?.crossEncoderSettings() ?? CrossEncoderSettings()
    return try Reranking(try settings.applied(to: model), function: function, settings)
  }

  /// The same with what the files of a directory say.
  package init(
    _ model: TextModel, function: TextClassification.Function?, _ settings: CrossEncoderSettings
  ) throws(CheckpointError) {
    try self.init(model, function: function ?? settings.function)
    prompt = settings.prompt
  }

  /// What a class of `torch.nn` makes of the number; the sigmoid if none is named.
  static func function(
    activation stated: JSONValue, _ file: String? = nil
  ) throws(CheckpointError) -> TextClassification.Function {
    switch stated.string?.split(separator: ".").last {
    case nil where stated == .null: return .sigmoid
    case "Sigmoid": return .sigmoid
    case "Identity": return .none
    default:
      throw CheckpointError(
        .unsupported, CheckpointError.Site(file: file, field: "activation_fn"),
        "there is no \(singleLine(JSONWriter.text(stated), limit: 60)) here",
        remedy: "there are Sigmoid and Identity of torch.nn")
    }
  }

  /// `query` or `text`, and `documents`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> RankingInput {
    try RankingInput(row)
  }

  /// The texts of each query, the best first.
  ///
  /// - Returns: For a query without texts `notFound`.
  public func answers(to inputs: [RankingInput]) -> [Result<[RankedText], CheckpointError>] {
    inputs.map { input in
      let documents = input.documents ?? self.documents
      guard input.documents != nil || !documents.isEmpty else { return .failure(.noDocuments) }
      var scores: [Float] = []
      for start in stride(from: 0, to: documents.count, by: 1024) {
        let part = documents[start..<min(start + 1024, documents.count)]
        let pairs = part.map { TokenizerInput(prompt + input.query, pair: $0) }
        let encodings = model.encodings(of: pairs, upTo: model.maximumLength)
        let answers = model.run(encodings) { (outputs, _) throws(CheckpointError) in
          try outputs.rows("logits")
        }
        for (place, answer) in answers.enumerated() {
          switch answer {
          case .success(let logits): scores += function(logits)
          case .failure(let error): return .failure(error.at("documents[\(start + place)]"))
          }
        }
      }
      return .success([RankedText](best: top, of: scores, documents))
    }
  }

  /// `ranking`: a list of `index`, `score` and `text`.
  public func members(of output: [RankedText]) -> [JSONValue.Member] { [output.member] }
}

extension CheckpointError {
  /// A query has no text to be compared with.
  static var noDocuments: CheckpointError {
    CheckpointError(
      .notFound, field: "documents", "there is no text to rank",
      remedy: "a row is a JSON object, {\"query\": …, \"documents\": […]}")
  }

  /// The error about a text that is one of several.
  func at(_ place: String) -> CheckpointError {
    var error = self
    error.site.field =
      error.site.field == "text" ? place : place + (site.field.map { ": " + $0 } ?? "")
    return error
  }
}

extension [RankedText] {
  /// The best of texts, or all, the best first; of equal ones the first.
  init(best count: Int?, of scores: [Float], _ texts: [String]) {
    let places =
      count.map { largestPlaces(Swift.max(0, $0), of: scores) }
      ?? scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    self = places.map { RankedText(index: $0, score: Double(scores[$0]), text: texts[$0]) }
  }

  /// `ranking`.
  var member: JSONValue.Member {
    let texts = map { text in
      [
        JSONValue.Member("index", .integer(text.index)),
        JSONValue.Member("score", .double(text.score)),
        JSONValue.Member("text", .string(text.text)),
      ]
    }
    return JSONValue.Member("ranking", .array([JSONValue](texts)))
  }
}
