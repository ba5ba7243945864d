/// How text is generated, under the meanings and defaults of Transformers' `GenerationConfig` (5.23).
///
/// What is nil has the default beside it when text is generated. ``GenerationSettings/init(_:file:)`` reads
/// `generation_config.json`.
public struct GenerationSettings: Sendable, Hashable {
  /// When beam search stops before the longest length.
  public enum EarlyStopping: Sendable, Hashable {
    /// As soon as there are as many finished sequences as beams.
    case whenEnoughAreFinished
    /// When a better one has become unlikely.
    case heuristically
    /// When there can be no better one.
    case never
  }

  /// `max_length`: of prompt and text. Default: 20 more than the prompt, but no more than there are positions.
  public var maxLength: Int?
  /// `max_new_tokens`: goes before `maxLength`.
  public var maxNewTokens: Int?
  /// `min_length`: of prompt and text; no end before that.
  public var minLength: Int?
  /// `min_new_tokens`: goes before `minLength`.
  public var minNewTokens: Int?
  /// `do_sample`: tokens are drawn; otherwise the most likely is taken. Default: false.
  public var samples: Bool?
  /// `num_beams`. Default: 1.
  public var beamCount: Int?
  /// `early_stopping`. Default: heuristically.
  public var earlyStopping: EarlyStopping?
  /// `length_penalty`: beams are ranked by the sum of log-probabilities, divided by the length to this power. Default: 1.
  public var lengthPenalty: Double? { didSet { forgetFault("length_penalty") } }
  /// `num_return_sequences`: so many texts for each prompt. Default: 1.
  public var returnedSequenceCount: Int?
  /// `temperature`: scores are divided by it before a token is drawn. Default: 1.
  public var temperature: Double? { didSet { forgetFault("temperature") } }
  /// `top_k`: only the best so many tokens are drawn from; 0 for all. Default: 50.
  public var topK: Int? { didSet { forgetFault("top_k") } }
  /// `top_p`: only the fewest best tokens that have this probability together are drawn from; 1 and more is all. Default: 1.
  public var topP: Double? { didSet { forgetFault("top_p") } }
  /// `repetition_penalty`: scores of tokens that are there already are divided by it, or multiplied if below 0. Default: 1.
  public var repetitionPenalty: Double?
  /// `no_repeat_ngram_size`: no so many tokens come a second time in the same order; 0 for none. Default: 0.
  public var noRepeatNGramSize: Int?
  /// `pad_token_id`: what follows the end of a shorter text. Default: the first of `eosTokenIDs`.
  public var padTokenID: Int?
  /// `bos_token_id`.
  public var bosTokenID: Int?
  /// `eos_token_id`: the tokens that end a text; nil or empty for none.
  public var eosTokenIDs: [Int]?
  /// What draws begin from. The same seed gives the same text on any machine with the same scores; it is not torch's.
  public var seed: UInt64 = 0

  /// What is wrong with values that a file states, in the order of reading: an error only in a search that they matter in.
  var faults: [Fault] = []

  /// Settings in which nothing is stated.
  public init() {}
}
