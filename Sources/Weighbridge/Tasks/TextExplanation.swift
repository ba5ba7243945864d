#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif
public import CheckpointBytes
internal import LanguageModels
internal import LayoutRules
internal import Synchronization
internal import TensorEngine
public import Tokenizers

/// Says what of a text made a model give a class, or a token: the share of each word by integrated gradients (Sundararajan et al.,
/// 2017) and by gradient × input, and what each head looked at.
///
/// Both are taken of the vectors of the words, before positions are added. Integrated gradients go from a baseline, in which the
/// tokens of the text are replaced, to the text, at the nodes of Gauss-Legendre quadrature (`IntegratedGradients` of captum 0.9): what
/// the words get adds up to the difference of the outputs of both. Gradient × input (`InputXGradient`) takes the gradient at the text
/// alone, and adds up to nothing in particular.
public struct TextExplanation: TextTask {
  /// What stands in place of a text's tokens where the way to it begins; special tokens stay.
  public enum Baseline: String, Sendable, Hashable, CaseIterable {
    /// The padding token.
    case padding
    /// The mask token.
    case mask
    /// No vector: zeros.
    case zero
  }

  /// What is to be explained.
  public struct Question: Sendable {
    /// The text, or a pair.
    public var input: TokenizerInput
    /// A label or its class, a token or its id; nil for the one that the model gives.
    public var target: String?
    /// The token whose scores are explained, where each has some; nil for the mask, or the last token of a causal model.
    public var position: Int?

    /// A question.
    public init(_ input: TokenizerInput, target: String? = nil, position: Int? = nil) {
      self.input = input
      self.target = target
      self.position = position
    }
  }

  /// What is explained unless a row says otherwise.
  public var target: String?
  /// The token whose scores are explained unless a row says otherwise.
  public var position: Int?
  /// How many places of the way from the baseline are taken.
  public let steps: Int
  /// Where the way begins.
  public let baseline: Baseline
  /// Whether answers have the attention of all heads.
  public var givesAttentions = false
  let model: TextModel
  private let head: ModelHead

  /// The most places of the way: each is a forward and a backward pass, and finding them takes the square of their number.
  private static let mostSteps = 10_000

  /// Takes a model whose scores can be explained: a classifier of texts or of tokens, or a language model.
  ///
  /// - Parameters:
  ///   - model: The model with its tokenizer.
  ///   - baseline: Nil for the padding token, or zeros where the tokenizer has none.
  ///   - steps: How many places of the way are taken, at most 10,000.
  /// - Throws: `unsupported` for a model with another head or with weights of int8, `inconsistent` for no or too many steps, `notFound` for a baseline that the
  ///   tokenizer has no token for.
  public init(
    _ model: TextModel, baseline: Baseline? = nil, steps: Int = 50
  ) throws(CheckpointError) {
    head = type(of: model.model).head
    guard [.sequenceClassification, .tokenClassification, .maskedLM, .causalLM].contains(head)
    else {
      throw CheckpointError(
        .unsupported, field: "class",
        "\(type(of: model.model).className) has no scores of classes or tokens to explain",
        remedy: "name a class that has")
    }
    if let parameter = model.model.parameters.first(where: { $0.dtype == .i8 }) {
      throw CheckpointError(
        .unsupported, tensor: parameter.name, "weights of int8 have no derivative",
        remedy: "convert the model with \(remedy: .cast(to: "float32")) first")
    }
    guard (1...Self.mostSteps).contains(steps) else {
      throw CheckpointError(
        .inconsistent, field: "steps", "\(steps), expected 1 to \(Self.mostSteps)")
    }
    self.model = model
    self.steps = steps
    self.baseline = baseline ?? (model.tokenizer.paddingTokenID == nil ? .zero : .padding)
    guard self.baseline == .zero || Self.token(self.baseline, model.tokenizer) != nil else {
      throw CheckpointError(
        .notFound, field: "baseline", "the tokenizer has no \(self.baseline.rawValue) token")
    }
  }

  private static func token(_ baseline: Baseline, _ tokenizer: Tokenizer) -> Int? {
    switch baseline {
    case .padding: tokenizer.paddingTokenID
    case .mask: tokenizer.maskTokenID
    case .zero: nil
    }
  }

  /// `text`, and `pair` or `text_pair`; `target` and `position`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> Question {
    let pair = try row.optionalText("pair", "text_pair")
    let place = row["position"]
    guard place == nil || place?.integer != nil else {
      throw CheckpointError(.malformed, field: "position", "expected a whole number")
    }
    return Question(
      TokenizerInput(try row.text("text"), pair: pair?.isEmpty == true ? nil : pair),
      target: try row.optionalText("target") ?? target, position: place?.integer ?? position)
  }

  /// The explanations of texts, one after the other.
  public func answers(to inputs: [Question]) -> [Result<Explanation, CheckpointError>] {
    zip(inputs, model.encodings(of: inputs.map(\.input))).map { question, encoding in
      encoding.tryMap { (encoding) throws(CheckpointError) in try explain(question, encoding) }
    }
  }

  /// `target`, `output`, `baseline_output`, `words` with their shares, `tokens`, and `attentions` by layer and head.
  public func members(of output: Explanation) -> [JSONValue.Member] { output.members }
}

extension TextExplanation {
  private func explain(
    _ question: Question, _ encoding: Encoding
  ) throws(CheckpointError) -> Explanation {
    let count = encoding.count
    let kept = encoding.ids.indices.map {
      encoding.specialTokensMask[$0] == 1 || encoding.ids[$0] == model.tokenizer.maskTokenID
    }
    let replacement = Self.token(baseline, model.tokenizer)
    let start = encoding.ids.enumerated().map { kept[$0] ? $1 : replacement ?? $1 }

    // The text beside the baseline: their vectors and their scores.
    let seen = Mutex<Tensor?>(nil)
    var options = RunOptions()
    options.wordChange = RunOptions.WordChange { vectors in
      seen.withLock { $0 = vectors.detached }
      return vectors
    }
    let first = try scores([encoding.ids], encoding, options)
    guard let ofText = seen.withLock({ $0 })?.values else { throw noScores }
    let width = ofText.count / count
    var ofBaseline = ofText
    if replacement == nil {
      for token in 0..<count where !kept[token] {
        for column in 0..<width { ofBaseline[token * width + column] = 0 }
      }
    } else {
      _ = try scores([start], encoding, options)
      ofBaseline = seen.withLock { $0 }?.values ?? ofText
    }
    let place = try place(question.position, encoding)
    let row = first.rows == 1 ? 0 : place
    guard let values = try? first.rows(row..<row + 1).values else { throw noScores }
    let target = try target(question.target, values, place)

    let nodes = Quadrature.legendre(steps)
    let slopes = try slopes(
      from: ofBaseline, to: ofText, at: nodes.map { ($0.place, $0.weight) } + [(0, 0), (1, 0)],
      encoding, row: place, column: target.index)
    func share(_ factor: (Int) -> Double, _ gradient: [Double]) -> [Double] {
      (0..<count).map { token in
        (token * width..<(token + 1) * width).reduce(0) { $0 + factor($1) * gradient[$1] }
      }
    }
    return Explanation(
      input: question.input, encoding: encoding, target: target, method: (baseline, steps),
      outputs: (slopes.scores[steps + 1], slopes.scores[steps]),
      integrated: share({ Double(ofText[$0]) - Double(ofBaseline[$0]) }, slopes.mean),
      gradientTimesInput: share({ Double(ofText[$0]) }, slopes.last),
      attentions: givesAttentions ? try attentions(encoding) : [])
  }

  private var noScores: CheckpointError {
    CheckpointError(.notFound, field: "logits", "the model gives no such result")
  }

  /// The model's scores for rows of tokens, a row for each text or each token.
  private func scores(
    _ rows: [[Int]], _ encoding: Encoding, _ options: RunOptions
  ) throws(CheckpointError) -> Tensor {
    var inputs = ModelInputs(inputIDs: try TokenArray(rows))
    if model.model.takesTokenTypes(given: model.tokenizer.givesTokenTypes) {
      inputs.tokenTypeIDs = try TokenArray(rows.map { _ in encoding.typeIDs })
    }
    guard let logits = try model.model(inputs, options: options).logits?.tensor else {
      throw noScores
    }
    return logits
  }

  /// Scores of the target at places between two texts, 0 the first and 1 the second; the sum of their gradients, each with its weight,
  /// and the last gradient.
  private func slopes(
    from start: [Float], to end: [Float], at places: [(place: Double, weight: Double)],
    _ encoding: Encoding, row: Int, column: Int
  ) throws(CheckpointError) -> (scores: [Double], mean: [Double], last: [Double]) {
    let context = model.model.context
    let (count, width) = (encoding.count, start.count / encoding.count)
    let most = max(1, model.batchTokens / count)
    var (scores, last): ([Double], [Double]) = ([], [])
    var mean = [Double](repeating: 0, count: start.count)
    for first in stride(from: 0, to: places.count, by: most) {
      let part = places[first..<min(places.count, first + most)]
      let between = part.flatMap { node -> [Float] in
        zip(start, end).map { (from: Float, to: Float) -> Float in
          Float(Double(from) + node.place * (Double(to) - Double(from)))
        }
      }
      let given = try Tensor(rows: part.count * count, columns: width, between)
        .requiringGradient(in: context)
      var options = RunOptions()
      options.wordChange = RunOptions.WordChange { _ in given }
      let logits = try self.scores(part.map { _ in encoding.ids }, encoding, options)
      // A number for each text, or for each token of each.
      let perText = logits.rows / part.count
      var ones = [Float](repeating: 0, count: logits.rows * logits.columns)
      for text in part.indices.map({ $0 - first }) {
        let place = text * perText + (perText == 1 ? 0 : row)
        ones[place * logits.columns + column] = 1
        scores.append(Double(logits[place, column] ?? .nan))
      }
      let found = try TensorEngine.gradients(
        of: logits, from: Tensor(rows: logits.rows, columns: logits.columns, ones), for: [given])
      guard let values = found[0]?.values else { throw noScores }
      for (text, node) in part.enumerated() {
        let gradient = values[text * start.count..<(text + 1) * start.count]
        if node.weight != 0 {
          for (index, slope) in zip(mean.indices, gradient) {
            mean[index] += node.weight * Double(slope)
          }
        }
        if first + text == places.count - 1 { last = gradient.map(Double.init) }
      }
    }
    return (scores, mean, last)
  }

  /// Which token's scores are explained; 0 where a text has one row of them.
  private func place(
    _ given: Int?, _ encoding: Encoding
  ) throws(CheckpointError) -> Int {
    if head == .sequenceClassification {
      guard given == nil else {
        throw CheckpointError(
          .inconsistent, field: "position",
          "a classifier has scores of the text, and none of a token")
      }
      return 0
    }
    if let given {
      guard encoding.ids.indices.contains(given) else {
        throw CheckpointError(
          .inconsistent, field: "position",
          "token \(given) of a text that has \(encoding.count) tokens")
      }
      return given
    }
    switch head {
    case .causalLM: return encoding.count - 1
    case .maskedLM:
      if let place = encoding.ids.firstIndex(where: { $0 == model.tokenizer.maskTokenID }) {
        return place
      }
      throw CheckpointError(
        .notFound, field: "text", "there is no mask in it",
        remedy: "write \(model.tokenizer.specialTokens[.mask] ?? "the mask token"), or state "
          + "a position")
    default:
      throw CheckpointError(
        .notFound, field: "position", "each token has labels of its own",
        remedy: "state the token to explain, counted from 0")
    }
  }

  private func target(
    _ name: String?, _ scores: [Float], _ place: Int
  ) throws(CheckpointError) -> Explanation.Target {
    let isToken = head == .maskedLM || head == .causalLM
    let labels = model.model.configuration.labels
    let names = isToken ? [] : scores.indices.map { labels.name(of: $0) }
    func label(_ index: Int) -> String {
      isToken ? model.tokenizer.decode([index]) : names[index]
    }
    let position = head == .sequenceClassification ? nil : place
    guard let name else {
      let best = largestPlaces(1, of: scores).first ?? 0
      return Explanation.Target(
        label: label(best), index: best, isToken: isToken, position: position)
    }
    let known = isToken ? model.tokenizer.id(of: name) : names.firstIndex(of: name)
    guard let index = known ?? Int(name), scores.indices.contains(index) else {
      throw CheckpointError(
        .notFound, field: "target",
        isToken
          ? "\(quoted(name)) is no token"
          : "\(quoted(name)) is none of \(names.map { quoted($0) }.joined(separator: ", "))")
    }
    return Explanation.Target(
      label: label(index), index: index, isToken: isToken, position: position)
  }

  /// For each layer and head what each token looks at.
  private func attentions(
    _ encoding: Encoding
  ) throws(CheckpointError) -> [[Explanation.Attention]] {
    var inputs = ModelInputs(inputIDs: try TokenArray([encoding.ids]))
    if model.model.takesTokenTypes(given: model.tokenizer.givesTokenTypes) {
      inputs.tokenTypeIDs = try TokenArray([encoding.typeIDs])
    }
    let outputs = try model.model(inputs, options: RunOptions(extras: .attentions))
    let count = encoding.count
    return outputs.numbered("attentions").map { layer in
      let values = layer.values
      return stride(from: 0, to: values.count, by: count * count).map {
        Explanation.Attention(tokens: count, weights: Array(values[$0..<$0 + count * count]))
      }
    }
  }
}

/// Places and weights of sums that stand for integrals from 0 to 1.
enum Quadrature {
  /// Gauss and Legendre's: exact for polynomials of up to twice so many terms.
  static func legendre(_ count: Int) -> [(place: Double, weight: Double)] {
    (0..<count).map { number in
      // Newton's method from where the roots of the polynomial nearly are.
      var x = cos(.pi * (Double(count - number) - 0.25) / (Double(count) + 0.5))
      var slope = 0.0
      for _ in 0..<100 {
        var (value, before) = (1.0, 0.0)
        for degree in 0..<count {
          (value, before) = (
            (Double(2 * degree + 1) * x * value - Double(degree) * before) / Double(degree + 1),
            value
          )
        }
        slope = Double(count) * (x * value - before) / (x * x - 1)
        let change = value / slope
        x -= change
        if abs(change) < 1e-15 { break }
      }
      return ((x + 1) / 2, 1 / ((1 - x * x) * slope * slope))
    }
  }
}
