internal import ArgumentParser
internal import Weighbridge

/// How text is generated, in the words of Transformers; what is not given is as the model's files say.
struct GenerationArguments: ParsableArguments {
  /// Tokens that end a text.
  enum EndTokens: ExpressibleByArgument {
    case none
    case tokens([Int])

    init?(argument: String) {
      if argument == "none" {
        self = .none
      } else if let list = TokenList(argument: argument) {
        self = .tokens(list.tokens)
      } else {
        return nil
      }
    }
  }

  /// When beam search stops.
  enum Stopping: String, ExpressibleByArgument, CaseIterable {
    case yes = "true"
    case no = "false"
    case never

    var setting: GenerationSettings.EarlyStopping {
      switch self {
      case .yes: .whenEnoughAreFinished
      case .no: .heuristically
      case .never: .never
      }
    }
  }

  /// A number for the last of some tokens: `5,7=-2.5`.
  struct Bias: ExpressibleByArgument {
    let bias: GenerationSettings.SequenceBias

    init?(argument: String) {
      let parts = argument.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let list = TokenList(argument: String(parts[0])),
        let number = Double(parts[1]), !number.isNaN
      else { return nil }
      bias = GenerationSettings.SequenceBias(list.tokens, number)
    }
  }

  /// How ends become more likely: `20,1.1`.
  struct Pressure: ExpressibleByArgument {
    let pressure: GenerationSettings.EndPressure

    init?(argument: String) {
      let parts = argument.split(separator: ",")
      guard parts.count == 2, let start = Int(parts[0]), let factor = Double(parts[1]) else {
        return nil
      }
      pressure = GenerationSettings.EndPressure(start: start, factor: factor)
    }
  }

  @Option(
    help: ArgumentHelp(
      "The most tokens that a text gets beside the prompt; 20 unless the model says otherwise.",
      valueName: "count"))
  var maxNewTokens: Int?

  @Option(help: ArgumentHelp("The most tokens of prompt and text.", valueName: "count"))
  var maxLength: Int?

  @Option(
    help: ArgumentHelp(
      "No end before a text has so many tokens beside the prompt.", valueName: "count"))
  var minNewTokens: Int?

  @Option(
    help: ArgumentHelp("No end before prompt and text have so many tokens.", valueName: "count"))
  var minLength: Int?

  @Flag(help: "Draw tokens.")
  var doSample = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Draw tokens, with scores divided by this; 0 takes the most likely one.", valueName: "number")
  )
  var temperature: Double?

  @Option(
    help: ArgumentHelp("Draw from the best so many tokens only; 0 is all.", valueName: "count"))
  var topK: Int?

  @Option(
    help: ArgumentHelp(
      "Draw from the fewest best tokens that have this probability together.", valueName: "number"))
  var topP: Double?

  @Option(
    help: ArgumentHelp(
      "Draw from tokens only that have this part of the best one's probability.",
      valueName: "number"))
  var minP: Double?

  @Option(
    help: ArgumentHelp(
      "Draw from the tokens nearest to the mean surprise that have this probability together.",
      valueName: "number"))
  var typicalP: Double?

  @Option(
    help: ArgumentHelp(
      "Draw from the best tokens that have this part of the entropy together.", valueName: "number")
  )
  var topH: Double?

  @Option(
    help: ArgumentHelp("Draw from tokens only that have this probability.", valueName: "number"))
  var epsilonCutoff: Double?

  @Option(help: ArgumentHelp("The same, and less where much is possible.", valueName: "number"))
  var etaCutoff: Double?

  @Option(help: ArgumentHelp("Search with so many beams.", valueName: "count"))
  var numBeams: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Beams are ranked by log-probability divided by length to this power.", valueName: "number"))
  var lengthPenalty: Double?

  @Option(help: "When beam search stops: true is as soon as there are enough texts.")
  var earlyStopping: Stopping?

  @Option(help: ArgumentHelp("So many texts for each prompt.", valueName: "count"))
  var numReturnSequences: Int?

  @Option(
    help: ArgumentHelp(
      "Divide scores of tokens that are there already by this.", valueName: "number"))
  var repetitionPenalty: Double?

  @Option(
    help: ArgumentHelp(
      "No so many tokens come a second time in the same order; 0 is no rule.", valueName: "count"))
  var noRepeatNgramSize: Int?

  @Option(
    help: ArgumentHelp("Multiply scores of tokens of the prompt by this.", valueName: "number"))
  var encoderRepetitionPenalty: Double?

  @Option(
    help: ArgumentHelp(
      "No so many tokens of the prompt come again in the same order; 0 is no rule.",
      valueName: "count"))
  var encoderNoRepeatNgramSize: Int?

  @Option(
    name: .customLong("bad-words"),
    help: ArgumentHelp(
      "A text that never comes, by the tokens that it has alone: with a space before it, it is another one. Repeatable.",
      valueName: "text"))
  var badWords: [String] = []

  @Option(
    name: .customLong("bad-words-ids"),
    help: ArgumentHelp(
      "Tokens that never come in this order, or one that never comes. Repeatable.",
      valueName: "ids"))
  var badWordTokens: [TokenList] = []

  @Option(
    name: .customLong("sequence-bias"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A number for the score of the last of some tokens, where the others stand before it. Repeatable.",
      valueName: "ids=number"))
  var biases: [Bias] = []

  @Option(
    name: .customLong("suppress-tokens"),
    help: ArgumentHelp("Tokens that never come.", valueName: "ids"))
  var suppressed: TokenList?

  @Option(
    name: .customLong("begin-suppress-tokens"),
    help: ArgumentHelp("Tokens that are not the first.", valueName: "ids"))
  var suppressedFirst: TokenList?

  @Option(
    name: .customLong("forced-bos-token-id"),
    help: ArgumentHelp("The token that follows a prompt of a single one.", valueName: "id"))
  var forcedFirst: Int?

  @Option(
    name: .customLong("forced-eos-token-id"),
    help: ArgumentHelp(
      "The last token of a text of the longest length, one of several by commas.",
      valueName: "ids"))
  var forcedLast: TokenList?

  @Option(
    name: .customLong("exponential-decay-length-penalty"),
    help: ArgumentHelp(
      "After so many new tokens ends become more likely, by this factor for each.",
      valueName: "start,factor"))
  var pressure: Pressure?

  @Flag(help: "Scores that are no number become 0, infinite ones the greatest there are.")
  var removeInvalidValues = false

  @Flag(help: "Scores become logarithms of probabilities again after all rules.")
  var renormalizeLogits = false

  @Option(
    name: .customLong("stop-strings"),
    help: ArgumentHelp("End a text that has this in it. Repeatable.", valueName: "text"))
  var stopStrings: [String] = []

  @Option(
    name: .customLong("eos-token-id"),
    help: ArgumentHelp("The token that ends a text, several by commas, or none.", valueName: "id"))
  var endTokens: EndTokens?

  @Option(
    name: .customLong("pad-token-id"),
    help: ArgumentHelp("The token that fills shorter texts up.", valueName: "id"))
  var padTokenID: Int?

  @Option(
    help: ArgumentHelp(
      "What draws begin from: the same seed gives the same text.", valueName: "number"))
  var seed: UInt64 = 0

  /// The settings with what was given in place of what the files say. What is not given is not set: a file's value may be
  /// wrong as long as it does not matter.
  ///
  /// - Parameter tokenizer: What ``needsTokenizer`` is about.
  func applied(
    to settings: GenerationSettings, _ tokenizer: Tokenizer?
  ) throws(CheckpointError) -> GenerationSettings {
    var settings = settings
    // A length that is given goes before the other kind of length in the file.
    if let maxLength { (settings.maxLength, settings.maxNewTokens) = (maxLength, nil) }
    if let maxNewTokens { settings.maxNewTokens = maxNewTokens }
    if let minLength { (settings.minLength, settings.minNewTokens) = (minLength, nil) }
    if let minNewTokens { settings.minNewTokens = minNewTokens }
    if doSample { settings.samples = true }
    if let minP { settings.minP = minP }
    if let typicalP { settings.typicalP = typicalP }
    if let topH { settings.topH = topH }
    if let epsilonCutoff { settings.epsilonCutoff = epsilonCutoff }
    if let etaCutoff { settings.etaCutoff = etaCutoff }
    applyRules(to: &settings)
    if let tokenizer {
      for word in badWords {
        settings.badWords.append(
          try tokenizer.encode(word, options: EncodingOptions(addsSpecialTokens: false)).ids)
      }
    }
    if let topK { settings.topK = topK }
    if let topP { settings.topP = topP }
    if topK != nil || topP != nil || temperature != nil { settings.samples = true }
    if temperature == 0 {
      settings.samples = false
    } else if let temperature {
      settings.temperature = temperature
    }
    if let numBeams { settings.beamCount = numBeams }
    if let lengthPenalty { settings.lengthPenalty = lengthPenalty }
    if let earlyStopping { settings.earlyStopping = earlyStopping.setting }
    if let numReturnSequences { settings.returnedSequenceCount = numReturnSequences }
    if let repetitionPenalty { settings.repetitionPenalty = repetitionPenalty }
    if let noRepeatNgramSize { settings.noRepeatNGramSize = noRepeatNgramSize }
    if let padTokenID { settings.padTokenID = padTokenID }
    settings.seed = seed
    switch endTokens {
    case nil: break
    case .some(.none): settings.eosTokenIDs = nil
    case .some(.tokens(let tokens)): settings.eosTokenIDs = tokens
    }
    return settings
  }

  /// True if some options are texts that become tokens, or that tokens are compared with.
  var needsTokenizer: Bool { !badWords.isEmpty || !stopStrings.isEmpty }

  /// What changes scores.
  private func applyRules(to settings: inout GenerationSettings) {
    if let encoderRepetitionPenalty { settings.promptRepetitionPenalty = encoderRepetitionPenalty }
    if let encoderNoRepeatNgramSize { settings.noRepeatPromptNGramSize = encoderNoRepeatNgramSize }
    if !badWordTokens.isEmpty || !badWords.isEmpty {
      settings.badWords = badWordTokens.map(\.tokens)
    }
    if !biases.isEmpty { settings.sequenceBias = biases.map(\.bias) }
    if let suppressed { settings.suppressedTokens = suppressed.tokens }
    if let suppressedFirst { settings.suppressedFirstTokens = suppressedFirst.tokens }
    if let forcedFirst { settings.forcedFirstTokenID = forcedFirst }
    if let forcedLast { settings.forcedLastTokenIDs = forcedLast.tokens }
    if let pressure { settings.endPressure = pressure.pressure }
    if removeInvalidValues { settings.removesInvalidValues = true }
    if renormalizeLogits { settings.renormalizes = true }
    if !stopStrings.isEmpty { settings.stopStrings = stopStrings }
  }
}
