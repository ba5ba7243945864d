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

  @Option(
    help: "The most tokens that a text gets beside the prompt; 20 unless the model says otherwise.")
  var maxNewTokens: Int?

  @Option(
    parsing: .unconditional,
    help: "Draw tokens, with scores divided by this; 0 takes the most likely one.")
  var temperature: Double?

  @Option(help: "Draw from the best so many tokens only; 0 is all.")
  var topK: Int?

  @Option(help: "Draw from the fewest best tokens that have this probability together.")
  var topP: Double?

  @Option(help: "Search with so many beams.")
  var numBeams: Int?

  @Option(
    parsing: .unconditional,
    help: "Beams are ranked by log-probability divided by length to this power.")
  var lengthPenalty: Double?

  @Option(help: "When beam search stops: true is as soon as there are enough texts.")
  var earlyStopping: Stopping?

  @Option(help: "So many texts for each prompt.")
  var numReturnSequences: Int?

  @Option(help: "Divide scores of tokens that are there already by this.")
  var repetitionPenalty: Double?

  @Option(help: "No so many tokens come a second time in the same order; 0 is no rule.")
  var noRepeatNgramSize: Int?

  @Option(
    name: .customLong("eos-token-id"),
    help: "The token that ends a text, several by commas, or none.")
  var endTokens: EndTokens?

  @Option(name: .customLong("pad-token-id"), help: "The token that fills shorter texts up.")
  var padTokenID: Int?

  @Option(help: "What draws begin from: the same seed gives the same text.")
  var seed: UInt64 = 0

  /// The settings with what was given in place of what the files say. What is not given is not set: a file's value may be
  /// wrong as long as it does not matter.
  func applied(to settings: GenerationSettings) -> GenerationSettings {
    var settings = settings
    if let maxNewTokens { settings.maxNewTokens = maxNewTokens }
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
}
