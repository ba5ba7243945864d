internal import CheckpointBytes
internal import Tokenizers

/// What of a text made a model give a class or a token; see ``TextExplanation``.
public struct Explanation: Sendable {
  /// What is explained.
  public struct Target: Sendable, Hashable {
    /// The label, or the token as text.
    public let label: String
    /// The class, or the token's id.
    public let index: Int
    /// True for a token.
    public let isToken: Bool
    /// The token that the scores belong to; nil where they are the text's.
    public let position: Int?
  }

  /// A word, or a special token, with what it adds to the output.
  public struct Word: Sendable, Hashable {
    /// As it stands in the text.
    public let text: String
    /// True for tokens that are no part of the text.
    public let isSpecial: Bool
    /// Its tokens.
    public let tokens: Range<Int>
    /// By integrated gradients.
    public let integratedGradients: Double
    /// By gradient × input.
    public let gradientTimesInput: Double
  }

  /// What one head of one layer looks at.
  public struct Attention: Sendable, Hashable {
    /// How many tokens there are.
    public let tokens: Int
    /// For each token its weights of all tokens, which sum to 1.
    public let weights: [Float]
  }

  /// What is explained.
  public let target: Target
  /// Where the way to the text began.
  public let baseline: TextExplanation.Baseline
  /// How many places of the way were taken.
  public let steps: Int
  /// The target's score.
  public let output: Double
  /// Its score at the baseline.
  public let baselineOutput: Double
  /// The words in their order.
  public let words: [Word]
  /// The tokens.
  public let tokens: [String]
  /// By layer and head; empty unless asked for.
  public let attentions: [[Attention]]

  /// The sum of the words' integrated gradients: the difference of both scores, but for the error of the quadrature.
  public var sum: Double { words.reduce(0) { $0 + $1.integratedGradients } }

  init(
    input: TokenizerInput, encoding: Encoding, target: Target,
    method: (baseline: TextExplanation.Baseline, steps: Int),
    outputs: (text: Double, start: Double),
    integrated: [Double], gradientTimesInput: [Double], attentions: [[Attention]]
  ) {
    self.target = target
    (baseline, steps) = method
    (output, baselineOutput) = outputs
    tokens = encoding.tokens
    self.attentions = attentions
    let texts = [input.text, input.pair ?? ""].map { Array($0.unicodeScalars) }
    let sequences = encoding.sequenceIDs
    /// Equal for neighbours of one word.
    func word(_ token: Int) -> (Int, Int)? {
      guard encoding.specialTokensMask[token] == 0, let sequence = sequences[token],
        let word = encoding.wordIDs[token]
      else { return nil }
      return (sequence, word)
    }
    var words: [Word] = []
    var start = 0
    while start < encoding.count {
      var end = start + 1
      if let first = word(start) {
        while end < encoding.count, let next = word(end), next == first { end += 1 }
      }
      let isSpecial = encoding.specialTokensMask[start] == 1
      var text = encoding.tokens[start]
      if !isSpecial, let sequence = sequences[start] {
        let scalars = texts[sequence]
        let (low, high) = (encoding.offsets[start].lowerBound, encoding.offsets[end - 1].upperBound)
        if low < high, high <= scalars.count {
          text = String(String.UnicodeScalarView(scalars[low..<high]))
          text = String(text.drop { $0.isWhitespace })
        }
      }
      words.append(
        Word(
          text: text, isSpecial: isSpecial, tokens: start..<end,
          integratedGradients: integrated[start..<end].reduce(0, +),
          gradientTimesInput: gradientTimesInput[start..<end].reduce(0, +)))
      start = end
    }
    self.words = words
  }
}

extension Explanation {
  /// The members of a JSON object.
  var members: [JSONValue.Member] {
    func member(_ key: ExactName, _ value: JSONValue) -> JSONValue.Member {
      JSONValue.Member(key, value)
    }
    var target = [
      member(self.target.isToken ? "token" : "class", .integer(self.target.index)),
      member("label", .string(self.target.label)),
    ]
    if let position = self.target.position { target.append(member("position", .integer(position))) }
    var members = [
      member("target", .object(target)), member("baseline", .string(baseline.rawValue)),
      member("steps", .integer(steps)), member("output", .double(output)),
      member("baseline_output", .double(baselineOutput)),
      member("integrated_gradients_sum", .double(sum)),
      member(
        "words",
        .array(
          words.map { word in
            .object([
              member("word", .string(word.text)), member("special", .boolean(word.isSpecial)),
              member("tokens", .array(word.tokens.map { .integer($0) })),
              member("integrated_gradients", .double(word.integratedGradients)),
              member("gradient_x_input", .double(word.gradientTimesInput)),
            ])
          })), member("tokens", .array(tokens.map { .string($0) })),
    ]
    if !attentions.isEmpty {
      let layers = attentions.map { heads in
        JSONValue.array(
          heads.map { head in
            .array(
              stride(from: 0, to: head.weights.count, by: head.tokens).map { row in
                .array(head.weights[row..<row + head.tokens].map { .double(Double($0)) })
              })
          })
      }
      members.append(member("attentions", .array(layers)))
    }
    return members
  }
}
