#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif
public import CheckpointBytes
internal import LanguageModels
internal import Tokenizers

/// How little a language model expects of texts: e to the power of the mean of −log of the probabilities that it gives each
/// token after those before it (`exp(model(ids, labels=ids).loss)`, Transformers 5.23). The first token has none.
public struct TextPerplexity: TextTask {
  /// What is found for a text.
  public struct Score: Sendable, Hashable {
    /// The sum of the logarithms of the tokens' probabilities.
    public let logProbability: Double
    /// The tokens that are counted: all but the first.
    public let tokenCount: Int
    /// e to the power of −`logProbability` / `tokenCount`.
    public var perplexity: Double { exp(-logProbability / Double(tokenCount)) }
  }

  private var model: TextModel
  /// If texts that are too long are read in parts: how many tokens each part goes on by; what comes before them in a part is
  /// read without being counted again, and parts have no special tokens but those of the whole text. Nil if such texts are an
  /// error, or cut.
  public var stride: Int?

  /// Takes a causal language model.
  ///
  /// - Throws: `unsupported` for a model with another head, or one that looks ahead.
  public init(_ model: TextModel) throws(CheckpointError) {
    try model.require(.causalLM, "does not go on with texts")
    guard model.model.configuration.isCausal else {
      throw CheckpointError(
        .unsupported, field: "is_decoder", "false: a model that looks ahead expects everything",
        remedy: "set is_decoder to true")
    }
    self.model = model
    self.model.givesTokenTypes = false
  }

  /// `text`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> String { try row.text("text") }

  /// The scores of texts.
  public func answers(to inputs: [String]) -> [Result<Score, CheckpointError>] {
    let windows = inputs.map { text in
      Result { () throws(CheckpointError) in try self.windows(of: text) }
    }
    let counted = windows.map { $0.map { $0.map(\.counted) } }
    let sums = model.run(windows.map { $0.map { $0.map(\.encoding) } }) {
      (outputs, encodings) throws(CheckpointError) in
      try encodings.indices.map { (text) throws(CheckpointError) in
        try logProbabilities(of: encodings[text].ids, text, outputs)
      }
    }
    return zip(counted, sums).map { counted, sums in
      counted.flatMap { counted in
        sums.map { sums in
          let values = zip(counted, sums).flatMap { $1.suffix($0) }
          return Score(logProbability: values.reduce(0, +), tokenCount: values.count)
        }
      }
    }
  }

  /// `perplexity`, `log_probability` and `tokens`.
  public func members(of output: Score) -> [JSONValue.Member] {
    [
      JSONValue.Member("perplexity", .double(output.perplexity)),
      JSONValue.Member("log_probability", .double(output.logProbability)),
      JSONValue.Member("tokens", .integer(output.tokenCount)),
    ]
  }

  /// The parts of a text, and how many tokens of each are counted.
  private func windows(
    of text: String
  ) throws(CheckpointError) -> [(encoding: Encoding, counted: Int)] {
    let length = model.maximumLength
    var options = EncodingOptions()
    if let stride {
      guard stride > 0, stride < length else {
        throw CheckpointError(
          .inconsistent, field: "stride", "\(stride), expected a number from 1 to \(length - 1)")
      }
    } else if model.cutsTexts {
      options.truncation = Truncation(
        maximumLength: length, side: model.tokenizer.truncationSide, keepsOverflow: false)
    }
    let encoding = try model.tokenizer.encode(text, options: options)
    try model.check(stride == nil ? encoding : encoding.part(0..<min(length, encoding.count)))
    guard encoding.count > 1 else {
      throw CheckpointError(
        .inconsistent, field: "text", "it has one token, and no token after it",
        remedy: "give a longer text")
    }
    guard let stride else { return [(encoding, encoding.count - 1)] }
    var parts: [(encoding: Encoding, counted: Int)] = []
    // The first token is not counted.
    var (start, done) = (0, 1)
    while done < encoding.count {
      let end = min(start + length, encoding.count)
      parts.append((encoding.part(start..<end), end - done))
      (start, done) = (start + stride, end)
    }
    return parts
  }

  /// The logarithms of the probabilities of all tokens but the first.
  private func logProbabilities(
    of ids: [Int], _ text: Int, _ outputs: ModelOutputs
  ) throws(CheckpointError) -> [Double] {
    guard let logits = outputs.logits else {
      throw CheckpointError(.notFound, field: "logits", "the model gives no such result")
    }
    return ids.indices.dropFirst().map { place in
      let scores = ScoreProcessor.logProbabilities(of: (logits.row(text, place - 1) ?? [])[...])
      return scores.indices.contains(ids[place]) ? Double(scores[ids[place]]) : -.infinity
    }
  }
}
