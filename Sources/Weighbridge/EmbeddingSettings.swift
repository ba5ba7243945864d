public import CheckpointBytes
package import LayoutRules

/// How the states of a text's tokens, or the scores that they give a vocabulary, become one vector.
public struct EmbeddingSettings: Sendable, Hashable {
  /// A way to make one vector of the tokens' states (`Pooling`, sentence-transformers 6.2).
  public enum Pooling: String, Sendable, Hashable, CaseIterable {
    /// The first token.
    case cls
    /// The greatest number of each column.
    case max
    /// The mean over all tokens.
    case mean
    /// The sum over all tokens, divided by the square root of their number.
    case meanOverRoot = "mean_sqrt_len_tokens"
    /// The mean over all tokens, each as heavy as its place, from 1.
    case weightedMean = "weightedmean"
    /// The last token.
    case lastToken = "lasttoken"
  }

  /// What a text is in a search.
  public enum Role: String, Sendable, Hashable, CaseIterable {
    /// What is looked for (`encode_query`).
    case query
    /// What is found (`encode_document`).
    case document
  }

  /// How alike two vectors are (`similarity_fn_name`).
  public enum Similarity: String, Sendable, Hashable, CaseIterable {
    /// The cosine of the angle between them.
    case cosine
    /// The sum of the products of their numbers.
    case dot
    /// Their distance, less than 0.
    case euclidean
    /// The sum of the differences of their numbers, less than 0.
    case manhattan
  }

  /// The ways to make a vector of the tokens; the vectors of several are put one after another.
  public var pooling: [Pooling] = [.mean]
  /// How the scores of a masked language model become a vector over its vocabulary; ``pooling`` does not count then. Nil for vectors of
  /// states.
  public var splade: SpladePooling?
  /// What the vector goes through, in this order.
  public var layers: [SentenceLayer] = []
  /// True if vectors get the length 1 in the end.
  public var normalizes = false
  /// The most tokens of a text, whatever the tokenizer says; longer ones are cut. Nil for what tokenizer and model take.
  public var maximumLength: Int?
  /// The most tokens of a text of a search, whatever `maximumLength` says (`query_length` and `document_length`).
  public var roleLengths: [Role: Int] = [:]
  /// True if texts are made lower case, whatever the tokenizer does (`do_lower_case`).
  public var lowercases = false
  /// What is put before each text.
  public var prompt = ""
  /// What may be put before texts instead, by name (`prompts` of `config_sentence_transformers.json`).
  public var prompts: [String: String] = [:]
  /// So many numbers of each vector, the first, before it gets the length 1; nil for all (`truncate_dim`).
  public var dimensions: Int?
  /// So many numbers of each vector are kept, those farthest from 0, before it gets the length 1; of equal ones the first. Nil for all
  /// (`max_active_dims`).
  public var maximumActive: Int?
  /// How alike vectors are in a search.
  public var similarity = Similarity.cosine
  /// False if the prompt's tokens are seen by the model, but do not count for the vector.
  public var includesPrompt = true

  /// The mean over tokens, as it is.
  public init() {}

  /// The head of the models that it is for.
  package var head: ModelHead { splade == nil ? .base : .maskedLM }
}

extension EmbeddingSettings {
  /// The settings of a directory as sentence-transformers (6) saves it; of any other directory the defaults.
  ///
  /// - Throws: `unsupported`, naming file and key, for a module or a setting that is not implemented, and for a model in a
  ///   directory of its own, which ``SentenceEmbedder/load(from:options:opening:)`` finds; `malformed` for values of the
  ///   wrong type; what opening the weights of a layer throws.
  public init(_ source: ModelSource) throws(CheckpointError) {
    self.init()
    guard let directory = try SentenceDirectory(source.directory, source.limits) else { return }
    guard directory.modelPath == source.directory else {
      throw directory.failure("names a model in a directory of its own")
    }
    self = try directory.settings()
  }
}

extension EmbeddingSettings {
  /// The prompt of a name.
  ///
  /// - Throws: `notFound` if there is none.
  public func prompt(named name: String) throws(CheckpointError) -> String {
    guard let prompt = prompts[name] else {
      let names = prompts.keys.sorted().map { quoted($0) }.joined(separator: ", ")
      throw CheckpointError(
        .notFound, field: "prompt_name", "there is no prompt \(quoted(name))",
        remedy: names.isEmpty ? "the model has none" : "there are \(names)")
    }
    return prompt
  }
}

extension EmbeddingSettings {
  /// The settings of the texts of a search: their own prompt, if there is one, and their own length.
  public func applied(to role: Role) -> EmbeddingSettings {
    var settings = self
    let names = role == .query ? ["query"] : ["document", "passage", "corpus"]
    settings.prompt = names.lazy.compactMap { prompts[$0] }.first ?? prompt
    settings.maximumLength = roleLengths[role] ?? maximumLength
    return settings
  }
}

extension EmbeddingSettings.Pooling {
  /// Its name where each has a flag, as sentence-transformers wrote them up to 5.3.
  var flag: String {
    switch self {
    case .cls: "pooling_mode_cls_token"
    case .max: "pooling_mode_max_tokens"
    case .mean: "pooling_mode_mean_tokens"
    case .meanOverRoot: "pooling_mode_mean_sqrt_len_tokens"
    case .weightedMean: "pooling_mode_weightedmean_tokens"
    case .lastToken: "pooling_mode_lasttoken"
    }
  }

  /// The tokens that count, in words.
  package var description: String {
    switch self {
    case .cls: "the first token"
    case .max: "the greatest of all tokens"
    case .mean: "the mean over tokens"
    case .meanOverRoot: "the sum over tokens by the root of their number"
    case .weightedMean: "the mean over tokens by their places"
    case .lastToken: "the last token"
    }
  }

  /// The token whose state is the vector, of those that count; nil where it is made of several.
  func place(in counted: Range<Int>) -> Int? {
    switch self {
    case .cls: counted.lowerBound
    case .lastToken: counted.upperBound - 1
    case .max, .mean, .meanOverRoot, .weightedMean: nil
    }
  }

  /// One vector of the states of a text's tokens, `[token, hidden]`.
  ///
  /// - Parameter counted: The tokens that count: not empty, and within the states.
  func vector(_ states: ArraySlice<Float>, width: Int, counted: Range<Int>) -> [Float] {
    func state(_ token: Int) -> ArraySlice<Float> {
      let start = states.startIndex + token * width
      return states[start..<(start + width)]
    }
    func sum(_ weight: (Int) -> Double) -> [Double] {
      var sums = [Double](repeating: 0, count: width)
      for token in counted {
        let weight = weight(token)
        for (column, value) in state(token).enumerated() { sums[column] += weight * Double(value) }
      }
      return sums
    }
    switch self {
    case .cls: return Array(state(counted.lowerBound))
    case .lastToken: return Array(state(counted.upperBound - 1))
    case .max:
      var greatest = Array(state(counted.lowerBound))
      for token in counted.dropFirst() {
        for (column, value) in state(token).enumerated() {
          // Like torch's, a number that is none wins.
          if value > greatest[column] || value.isNaN { greatest[column] = value }
        }
      }
      return greatest
    case .mean:
      return sum { _ in 1 }.map { Float($0 / Double(counted.count)) }
    case .meanOverRoot:
      return sum { _ in 1 }.map { Float($0 / Double(counted.count).squareRoot()) }
    case .weightedMean:
      // Places count from the text's first token, the prompt's included.
      let weights = counted.reduce(0) { $0 + Double($1 + 1) }
      return sum { Double($0 + 1) }.map { Float($0 / weights) }
    }
  }
}

extension EmbeddingSettings.Similarity {
  /// How alike vectors are, in words.
  package var description: String {
    switch self {
    case .cosine: "cosine similarities"
    case .dot: "products"
    case .euclidean: "distances, negative"
    case .manhattan: "sums of differences, negative"
    }
  }

  /// How alike two vectors of one width are: the more, the higher.
  package func callAsFunction(_ left: [Float], _ right: [Float]) -> Double {
    func sum(_ term: (Double, Double) -> Double) -> Double {
      zip(left, right).reduce(0) { $0 + term(Double($1.0), Double($1.1)) }
    }
    return switch self {
    case .cosine: left.cosineSimilarity(to: right)
    case .dot: sum { $0 * $1 }
    case .euclidean: -sum { ($0 - $1) * ($0 - $1) }.squareRoot()
    case .manhattan: -sum { abs($0 - $1) }
    }
  }
}
