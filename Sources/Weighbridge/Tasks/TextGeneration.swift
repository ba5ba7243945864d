public import CheckpointBytes
public import LanguageModels
package import Tokenizers

/// Goes on with texts, as Transformers' pipeline `text-generation` does (5.23).
public struct TextGeneration: TextTask {
  /// How a text goes on.
  public struct Continuation: Sendable, Hashable {
    /// What follows the prompt.
    public let text: String
    /// The new tokens, up to the end of the text.
    public let tokens: [Int]
    /// The logarithm of each new token's probability; see ``LanguageModels/GeneratedText/logProbabilities``.
    public let logProbabilities: [Double]
    /// What a beam was ranked by; nil where there are no beams.
    public let score: Double?
  }

  private let model: TextModel
  private let generator: TextGenerator
  private let settings: GenerationSettings
  private let stops: StopStrings?
  /// True if ``members(of:)`` tells scores and probabilities.
  public var tellsScores = false
  /// About how many tokens, of prompts and of what follows them, are kept at once: as many prompts are computed together. More
  /// take more memory, fewer more time; the texts are the same.
  public var batchTokens = 2048

  /// Takes a causal language model.
  ///
  /// - Parameters:
  ///   - model: The model with its tokenizer.
  ///   - settings: Nil for those of the model's files.
  /// - Throws: `unsupported` for a model with another head; what ``LanguageModels/CausalLanguageModel/defaultSettings`` throws.
  public init(
    _ model: TextModel, settings: GenerationSettings? = nil
  ) throws(CheckpointError) {
    guard let causal = model.model as? any CausalLanguageModel else {
      throw CheckpointError(
        .unsupported, field: "class",
        "\(type(of: model.model).className) does not go on with texts")
    }
    var chosen = settings
    // `??` would lose the type of the error.
    if chosen == nil { chosen = try causal.defaultSettings }
    var own = chosen ?? GenerationSettings()
    var cutting = model
    cutting.maximumLength = min(
      model.maximumLength, own.truncation(for: causal, model.tokenizer).maximumLength)
    self.model = cutting
    generator = causal.generator
    stops = try StopStrings(own.stopStrings, model.tokenizer)
    own.stopStrings = []
    self.settings = own
  }

  /// `prompt` or `text`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> String {
    try row.text("prompt", "text")
  }

  /// For each prompt as many texts as the settings ask for, the best first. Each is what it would be alone. A prompt without any
  /// token begins with the model's own first token.
  public func answers(to inputs: [String]) -> [Result<[Continuation], CheckpointError>] {
    let encodings = model.encodings(of: inputs.map { TokenizerInput($0) })
    let prompts = zip(inputs, encodings).map { input, encoding in
      Result { () throws(CheckpointError) in
        if case .failure = encoding, let tokens = try? model.tokenizer.encode(input),
          tokens.count == 0
        {
          return try settings.beginning()
        }
        return try self.inputs(of: try encoding.get())
      }
    }
    let ready = prompts.compactMap { try? $0.get() }
    var found = ready.map { keptTokens($0) }.batches(ofSum: batchTokens)
      .flatMap { continuations(ofEach: ready[$0]) }[...]
    return prompts.map { prompt in
      prompt.flatMap { _ in
        found.popFirst() ?? .failure(CheckpointError(.inconsistent, "there is no answer"))
      }
    }
  }

  /// About how many tokens lie in memory for a prompt.
  private func keptTokens(_ inputs: ModelInputs) -> Int {
    let length = inputs.inputIDs.length
    let new = settings.maxNewTokens ?? settings.maxLength.map { $0 - min($0, length) } ?? 20
    let room = max(0, model.model.longestInput - length)
    let copies = max(1, settings.beamCount ?? 1, settings.returnedSequenceCount ?? 1)
    let (tokens, overflow) = (length + min(max(0, new), room))
      .multipliedReportingOverflow(by: copies)
    return overflow ? .max : tokens
  }

  /// What is generated from: the reference's pipeline passes no token types on, whatever the tokenizer gives.
  func inputs(of encoding: Encoding) throws(CheckpointError) -> ModelInputs {
    var inputs = try model.model.inputs([encoding])
    inputs.tokenTypeIDs = nil
    return inputs
  }

  /// How the tokens of some prompts go on.
  private func continuations(
    ofEach prompts: ArraySlice<ModelInputs>
  ) -> [Result<[Continuation], CheckpointError>] {
    do throws(CheckpointError) {
      let texts = try generator.texts(
        ofEach: Array(prompts), settings, ends: { stops?.end($0) ?? false })
      return zip(prompts, texts).map { prompt, texts in
        .success(texts.map { continuation($0, behind: prompt.inputIDs.length) })
      }
    } catch {
      guard prompts.count > 1 else { return prompts.map { _ in .failure(error) } }
      // Something is wrong with one of them; the others go on.
      return prompts.indices.flatMap { continuations(ofEach: prompts[$0...$0]) }
    }
  }

  /// What is new in a text.
  private func continuation(_ text: GeneratedText, behind length: Int) -> Continuation {
    let new = Array(text.tokens.dropFirst(length).prefix(text.logProbabilities.count))
    return Continuation(
      text: model.tokenizer.decode(new, skipSpecialTokens: true), tokens: new,
      logProbabilities: text.logProbabilities, score: text.score)
  }

  /// `texts`: a list of `text`, `tokens`, and, if they are told, `log_probabilities` and a beam's `score`.
  public func members(of output: [Continuation]) -> [JSONValue.Member] {
    let texts = output.map { text in
      var members = [
        JSONValue.Member("text", .string(text.text)),
        JSONValue.Member("tokens", .array(text.tokens.map { .integer($0) })),
      ]
      if tellsScores {
        members.append(
          JSONValue.Member("log_probabilities", .array(text.logProbabilities.map { .double($0) })))
        if let score = text.score { members.append(JSONValue.Member("score", .double(score))) }
      }
      return members
    }
    return [JSONValue.Member("texts", .array([JSONValue](texts)))]
  }
}

extension GenerationSettings {
  /// How prompts are cut: to what the model and its tokenizer take, and so that the new tokens have room behind them, as far as they can
  /// have any.
  package func truncation(
    for model: any CausalLanguageModel, _ tokenizer: Tokenizer
  ) -> Truncation {
    let positions = model.longestInput
    let new = maxNewTokens ?? maxLength.map { positions + 1 - min(max(1, $0), positions) } ?? 20
    let room = positions - min(max(0, new), positions)
    return Truncation(
      maximumLength: max(1, min(room, tokenizer.maximumLength ?? positions)),
      side: tokenizer.truncationSide, keepsOverflow: false)
  }

  /// What a text begins with that has no prompt: the model's own first token (`bos_token_id`).
  ///
  /// - Throws: `notFound` if it has none.
  package func beginning() throws(CheckpointError) -> ModelInputs {
    guard let bosTokenID else {
      throw CheckpointError(
        .notFound, field: "bos_token_id", "the model has no token that begins a text",
        remedy: "give a prompt")
    }
    return ModelInputs(inputIDs: try TokenArray([[bosTokenID]]))
  }
}

extension CausalLanguageModel {
  /// Texts that go on from prompts, until one of the settings' `stopStrings` has been written, too; see
  /// ``LanguageModels/CausalLanguageModel/generate(_:_:ends:received:)``.
  ///
  /// - Parameters:
  ///   - inputs: The prompt.
  ///   - settings: How tokens are chosen.
  ///   - tokenizer: What tells the texts of tokens.
  ///   - received: Is given each step's tokens as they are chosen.
  public func generate(
    _ inputs: ModelInputs, _ settings: GenerationSettings, tokenizer: Tokenizer,
    received: (_ tokens: [Int]) throws(CheckpointError) -> Void = { _ in }
  ) throws(CheckpointError) -> [[Int]] {
    let stops = try StopStrings(settings.stopStrings, tokenizer)
    var settings = settings
    settings.stopStrings = []
    return try generate(inputs, settings, ends: { stops?.end($0) ?? false }, received: received)
  }
}
