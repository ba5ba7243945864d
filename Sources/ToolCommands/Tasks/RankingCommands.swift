internal import ArgumentParser
internal import Weighbridge

/// `weighbridge rerank`: texts by how well they fit a query, each read beside it.
struct RerankCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "rerank",
    abstract: "Ranks texts by a query with a cross-encoder, as sentence-transformers does.",
    discussion: """
      TEXT is a query, and --document and --documents are what is ranked. Lines are {"query": …, "documents": […]}; without \
      documents of their own they get those.

      Examples:
        weighbridge rerank cross-encoder/ 'how heavy is it?' --document 'It weighs a tonne.' --document 'It is red.'
        weighbridge rerank cross-encoder/ --input queries.txt --documents passages.txt --top-k 5
      """)

  static let textKey: ExactName = "query"

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @OptionGroup var documents: DocumentArguments

  @Option(
    name: .customLong("top-k"),
    help: ArgumentHelp("So many texts; by default all.", valueName: "count"))
  var top: Int?

  @Option(
    help: "What the model's number is made into, whatever the configuration says: sigmoid or none.")
  var function: Choice<TextClassification.Function>?

  @OptionGroup var cutting: CuttingArguments

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try rows.requireTexts()
    try documents.requireSome(for: rows)
  }

  func task(_ console: Console) throws -> Reranking {
    let place = try HubCache.located(model.path)
    let limits = model.options.sourceOptions.openOptions.limits
    let directory = try SentenceDirectory(place, limits, for: .scores)
    let settings = try directory?.crossEncoderSettings() ?? CrossEncoderSettings()
    let texts = try model.textModel(
      .sequenceClassification, computing, console, at: directory?.modelPath ?? place)
    var task = try Reranking(
      cutting.applied(to: try settings.applied(to: texts)), function: function?.value, settings)
    task.documents = try documents.texts()
    task.top = top
    return task
  }

  func text(_ output: [RankedText], to row: TaskRow) -> String {
    row.heading(Self.textKey) + output.lines
  }
}

/// `weighbridge similarity`: the texts that are nearest to others.
struct SimilarityCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "similarity",
    abstract: "Finds the texts that are nearest to a query by their vectors.",
    discussion: """
      TEXT is a query; --document and --documents are the texts among which is searched, by the cosine of vectors as embed \
      makes them; of vectors over a vocabulary by their product, or as the directory says (similarity_fn_name). Where the model \
      has prompts for queries and documents, each gets its own, unless --prompt or --prompt-name says one for all. Lines are \
      {"query": …, "documents": […]}; without documents of their own they get those.

      Examples:
        weighbridge similarity model/ 'how heavy is it?' --documents passages.txt --top-k 5
        weighbridge similarity model/ --input queries.txt --documents passages.txt --output nearest.jsonl
      """)

  static let textKey: ExactName = "query"

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @OptionGroup var documents: DocumentArguments

  @Option(name: .customLong("top-k"), help: ArgumentHelp("So many texts.", valueName: "count"))
  var top = 10

  @OptionGroup var embedding: EmbeddingArguments

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try rows.requireTexts()
    try documents.requireSome(for: rows)
  }

  func task(_ console: Console) throws -> TextSimilarity {
    try TextSimilarity(
      try embedding.embedder(model, computing, console), texts: try documents.texts(), top: top)
  }

  func text(_ output: [RankedText], to row: TaskRow) -> String {
    row.heading(Self.textKey) + output.lines
  }
}

extension [RankedText] {
  /// A line for each text.
  fileprivate var lines: String {
    map { text in
      "  \(NumberText.fixed(text.score, digits: 4))  \(text.index)  \(singleLine(text.text))\n"
    }.joined()
  }
}
