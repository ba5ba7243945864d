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

  /// A number for the score of a token that would complete others.
  public struct SequenceBias: Sendable, Hashable {
    /// The tokens; the last one's score is changed where the others stand before it.
    public var tokens: [Int]
    /// What is added.
    public var bias: Double

    /// A number for the last of some tokens.
    public init(_ tokens: [Int], _ bias: Double) {
      self.tokens = tokens
      self.bias = bias
    }
  }

  /// How ends become more likely.
  public struct EndPressure: Sendable, Hashable {
    /// After so many new tokens.
    public var start: Int
    /// What is multiplied with, for each token from there.
    public var factor: Double

    /// A factor from some token on.
    public init(start: Int, factor: Double) {
      self.start = start
      self.factor = factor
    }
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
  /// `min_p`: only tokens are drawn from that have at least this part of the best one's probability. Default: 0.
  public var minP: Double? { didSet { forgetFault("min_p") } }
  /// `typical_p`: only the tokens are drawn from whose surprise is nearest to the mean and that have this probability together;
  /// 1 and more is all. Default: 1.
  public var typicalP: Double? { didSet { forgetFault("typical_p") } }
  /// `top_h`: of the best hundred tokens those are drawn from that have this part of their entropy together. Default: all.
  public var topH: Double? { didSet { forgetFault("top_h") } }
  /// `epsilon_cutoff`: only tokens of at least this probability are drawn from; no rule outside of 0 to 1. Default: 0.
  public var epsilonCutoff: Double? { didSet { forgetFault("epsilon_cutoff") } }
  /// `eta_cutoff`: the same, and less where much is possible. Default: 0.
  public var etaCutoff: Double? { didSet { forgetFault("eta_cutoff") } }
  /// `repetition_penalty`: scores of tokens that are there already are divided by it, or multiplied if below 0. Default: 1.
  public var repetitionPenalty: Double?
  /// `no_repeat_ngram_size`: no so many tokens come a second time in the same order; 0 for none. Default: 0.
  public var noRepeatNGramSize: Int?
  /// `encoder_repetition_penalty`: scores of the prompt's tokens are multiplied by it, or divided if below 0. Default: 1.
  public var promptRepetitionPenalty: Double?
  /// `encoder_no_repeat_ngram_size`: no so many tokens of the prompt come again in the same order. Default: 0.
  public var noRepeatPromptNGramSize: Int?
  /// `bad_words_ids`: tokens, or tokens in a row, that never come; a token that ends texts may.
  public var badWords: [[Int]] = []
  /// `sequence_bias`: numbers that are added to the scores of tokens, or of the last of some in a row.
  public var sequenceBias: [SequenceBias] = []
  /// `suppress_tokens`: tokens that never come.
  public var suppressedTokens: [Int] = []
  /// `begin_suppress_tokens`: tokens that are not the first.
  public var suppressedFirstTokens: [Int] = []
  /// `forced_bos_token_id`: the token that follows a prompt of a single one.
  public var forcedFirstTokenID: Int?
  /// `forced_eos_token_id`: the tokens one of which is the last of a text of the longest length; empty for no rule.
  public var forcedLastTokenIDs: [Int] = []
  /// `exponential_decay_length_penalty`: ends become more likely with each token.
  public var endPressure: EndPressure?
  /// `remove_invalid_values`: scores that are no numbers become 0, infinite ones the greatest there are. Default: false.
  public var removesInvalidValues: Bool?
  /// `renormalize_logits`: scores become logarithms of probabilities again after all rules. Default: false.
  public var renormalizes: Bool? { didSet { forgetFault("renormalize_logits") } }
  /// `stop_strings`: a text ends when one of these has been written. Only whoever has the tokenizer knows when.
  public var stopStrings: [String] = []
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
