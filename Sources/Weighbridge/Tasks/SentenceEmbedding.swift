public import CheckpointBytes
internal import Tokenizers

/// Makes a vector of each text, as `SentenceTransformer.encode` does (sentence-transformers 6.2).
public struct SentenceEmbedding: TextTask {
  /// What is found for a text.
  public struct Embedding: Sendable, Hashable {
    /// The numbers.
    public let vector: [Float]
    /// True if the text was too long and has been cut.
    public let isCut: Bool
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
    if let all = try? embedder.embed(inputs) {
      let cut = Set(all.cut)
      return all.vectors.enumerated().map {
        .success(Embedding(vector: $1, isCut: cut.contains($0)))
      }
    }
    guard inputs.count > 1 else { return inputs.map { answer(toSingle: $0) } }
    // One of them has no vector; the others have.
    let half = inputs.count / 2
    return answers(to: Array(inputs[..<half])) + answers(to: Array(inputs[half...]))
  }

  private func answer(toSingle input: String) -> Result<Embedding, CheckpointError> {
    Result { () throws(CheckpointError) in
      do throws(CheckpointError) {
        let one = try embedder.embed([input])
        return Embedding(vector: one.vectors.first ?? [], isCut: !one.cut.isEmpty)
      } catch {
        var error = error
        error.site.field = "text"
        throw error
      }
    }
  }

  /// `embedding`, and `truncated` if the text was cut.
  public func members(of output: Embedding) -> [JSONValue.Member] {
    [
      JSONValue.Member(
        "embedding", .array(output.vector.map { .double(Double($0)) }))
    ] + (output.isCut ? [JSONValue.Member("truncated", .boolean(true))] : [])
  }
}

/// Finds the texts that are nearest to others by their vectors, as `semantic_search` of sentence-transformers does (6.2) with
/// `encode_query` and `encode_document`: by the cosine of the angle between them, each with the prompt of its kind.
public struct TextSimilarity: TextTask {
  private let queries: SentenceEmbedding
  private let documents: SentenceEmbedding
  private let texts: [String]
  /// The texts' vectors, of length 1.
  private let vectors: [[Float]]
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
    vectors = try Self.unitVectors(documents, texts)
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
            try Self.unitVectors(documents, texts)
          } ?? vectors
        let scores = others.map { Self.product($0, Self.unit(query.vector)) }
        return [RankedText](best: top, of: scores, input.documents ?? texts)
      }
    }
  }

  /// `ranking`: a list of `index`, `score` and `text`.
  public func members(of output: [RankedText]) -> [JSONValue.Member] { [output.member] }

  private static func unitVectors(
    _ embedding: SentenceEmbedding, _ texts: [String]
  ) throws(CheckpointError) -> [[Float]] {
    var vectors: [[Float]] = []
    for (place, answer) in embedding.answers(to: texts).enumerated() {
      switch answer {
      case .success(let embedding): vectors.append(unit(embedding.vector))
      case .failure(let error): throw error.at("documents[\(place)]")
      }
    }
    return vectors
  }

  private static func unit(_ vector: [Float]) -> [Float] {
    let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    return length > 0 ? vector.map { Float(Double($0) / length) } : vector
  }

  private static func product(_ left: [Float], _ right: [Float]) -> Float {
    var sum: Float = 0
    for (one, other) in zip(left, right) { sum += one * other }
    return sum
  }
}
