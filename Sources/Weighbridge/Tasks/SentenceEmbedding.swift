public import CheckpointBytes
internal import Tokenizers

/// Makes a vector of each text, as `SentenceTransformer.encode` and `SparseEncoder.encode` do (sentence-transformers 6.2).
public struct SentenceEmbedding: TextTask {
  /// What is found for a text.
  public struct Embedding: Sendable, Hashable {
    /// The numbers.
    public var vector: [Float] { sparse?.vector ?? numbers }
    /// Those that are not zero, of a vector over a vocabulary; nil of another.
    public let sparse: SparseVector?
    /// True if the text was too long and has been cut.
    public fileprivate(set) var isCut = false
    /// All numbers, unless few of them count.
    private let numbers: [Float]

    fileprivate init(_ vector: [Float], isSparse: Bool) {
      sparse = isSparse ? SparseVector(vector) : nil
      numbers = isSparse ? [] : vector
    }

    /// The same with another length.
    fileprivate func withUnitLength() -> Embedding {
      Embedding(TextSimilarity.unit(vector), isSparse: sparse != nil)
    }
  }

  /// What makes the vectors.
  public let embedder: SentenceEmbedder

  /// Takes what makes vectors.
  public init(_ embedder: SentenceEmbedder) { self.embedder = embedder }

  /// `text`, and no pair.
  public func input(_ row: TaskRow) throws(CheckpointError) -> String {
    guard row["pair"] == nil, row["text_pair"] == nil else {
      throw CheckpointError(
        .unsupported, field: "pair", "a pair of texts has no vector here",
        remedy: "give each text a line of its own, without \"pair\"")
    }
    return try row.text("text")
  }

  /// The vectors of texts.
  public func answers(to inputs: [String]) -> [Result<Embedding, CheckpointError>] {
    do throws(CheckpointError) {
      return try embeddings(of: inputs).map { .success($0) }
    } catch {
      guard inputs.count > 1 else {
        var error = error
        error.site.field = "text"
        return inputs.map { _ in .failure(error) }
      }
      // One of them has no vector; the others have.
      let half = inputs.count / 2
      return answers(to: Array(inputs[..<half])) + answers(to: Array(inputs[half...]))
    }
  }

  private func embeddings(of texts: [String]) throws(CheckpointError) -> [Embedding] {
    let isSparse = embedder.settings.splade != nil
    var found: [Embedding] = []
    let cut = try embedder.embed(texts) { found.append(Embedding($1, isSparse: isSparse)) }
    for place in cut { found[place].isCut = true }
    return found
  }

  /// `embedding`, or of a vector over a vocabulary `indices`, `values` and `tokens` of the numbers that are not zero; and `truncated` if
  /// the text was cut.
  public func members(of output: Embedding) -> [JSONValue.Member] {
    vectorMembers(of: output)
      + (output.isCut ? [JSONValue.Member("truncated", .boolean(true))] : [])
  }

  /// The same without `truncated`.
  package func vectorMembers(of output: Embedding) -> [JSONValue.Member] {
    let value = value(of: output)
    return value.members ?? [JSONValue.Member("embedding", value)]
  }

  /// A vector as a list of numbers; one over a vocabulary as an object.
  package func value(of output: Embedding) -> JSONValue {
    func list(_ numbers: [Float]) -> JSONValue { .array(numbers.map { .double(Double($0)) }) }
    guard let sparse = output.sparse else { return list(output.vector) }
    let tokens = sparse.indices.map { embedder.tokenizer.token(withID: $0) }
    return .object([
      JSONValue.Member("indices", .array(sparse.indices.map { .integer($0) })),
      JSONValue.Member("values", list(sparse.values)),
      JSONValue.Member("tokens", .array(tokens.map { $0.map(JSONValue.string) ?? .null })),
    ])
  }
}

/// Finds the texts that are nearest to others by their vectors, as `semantic_search` of sentence-transformers does (6.2) with
/// `encode_query` and `encode_document`: by the cosine of the angle between them, those over a vocabulary as the model's directory
/// says; each with the prompt of its kind.
public struct TextSimilarity: TextTask {
  private let queries: SentenceEmbedding
  private let documents: SentenceEmbedding
  private let texts: [String]
  /// How alike vectors are.
  private let similarity: EmbeddingSettings.Similarity
  /// The texts' vectors, of length 1 where only their directions count.
  private let vectors: [SentenceEmbedding.Embedding]
  /// So many texts are given, the nearest first; nil for all.
  public let top: Int?

  /// Takes the texts among which is searched where a query has none of its own, and makes their vectors.
  ///
  /// - Throws: What is wrong with one of them, with its place.
  public init(
    _ embedder: SentenceEmbedder, texts: [String] = [], top: Int? = nil
  ) throws(CheckpointError) {
    queries = SentenceEmbedding(try embedder.applied(to: .query))
    documents = SentenceEmbedding(try embedder.applied(to: .document))
    self.texts = texts
    self.top = top
    similarity = embedder.settings.similarity
    vectors = try Self.vectors(documents, texts)
  }

  /// `query` or `text`, and `documents`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> RankingInput {
    try RankingInput(row)
  }

  /// The texts of each query, the nearest first.
  ///
  /// - Returns: For a query without texts `notFound`.
  public func answers(to inputs: [RankingInput]) -> [Result<[RankedText], CheckpointError>] {
    zip(inputs, queries.answers(to: inputs.map(\.query))).map { input, query in
      query.tryMap { (query) throws(CheckpointError) in
        guard input.documents != nil || !texts.isEmpty else { throw CheckpointError.noDocuments }
        let others =
          try input.documents.map { (texts) throws(CheckpointError) in
            try Self.vectors(documents, texts)
          } ?? vectors
        let vector = similarity == .cosine ? Self.unit(query.vector) : query.vector
        let scores = others.map { score(vector, $0) }
        return [RankedText](best: top, of: scores, input.documents ?? texts)
      }
    }
  }

  /// `ranking`: a list of `index`, `score` and `text`.
  public func members(of output: [RankedText]) -> [JSONValue.Member] { [output.member] }

  private static func vectors(
    _ embedding: SentenceEmbedding, _ texts: [String]
  ) throws(CheckpointError) -> [SentenceEmbedding.Embedding] {
    let isCosine = embedding.embedder.settings.similarity == .cosine
    var vectors: [SentenceEmbedding.Embedding] = []
    for (place, answer) in embedding.answers(to: texts).enumerated() {
      switch answer {
      case .success(let found): vectors.append(isCosine ? found.withUnitLength() : found)
      case .failure(let error): throw error.at("documents[\(place)]")
      }
    }
    return vectors
  }

  private func score(_ query: [Float], _ text: SentenceEmbedding.Embedding) -> Float {
    switch similarity {
    case .cosine, .dot: text.sparse?.product(with: query) ?? Self.product(text.vector, query)
    case .euclidean, .manhattan: Float(similarity(query, text.vector))
    }
  }

  fileprivate static func unit(_ vector: [Float]) -> [Float] {
    let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    return length > 0 ? vector.map { Float(Double($0) / length) } : vector
  }

  private static func product(_ left: [Float], _ right: [Float]) -> Float {
    var sum: Float = 0
    for (one, other) in zip(left, right) { sum += one * other }
    return sum
  }
}
