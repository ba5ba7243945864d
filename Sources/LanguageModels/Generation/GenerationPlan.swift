internal import CheckpointBytes

/// Settings with every default filled in, for prompts of one length (`generate` and `_prepare_generated_length` of
/// `generation/utils.py`, Transformers 5.23).
struct GenerationPlan {
  let promptLength: Int
  /// Of prompt and text.
  let maxLength: Int
  let eosTokenIDs: [Int]
  let padTokenID: Int?
  let beamCount: Int
  let returnedSequenceCount: Int
  let earlyStopping: GenerationSettings.EarlyStopping
  let lengthPenalty: Double
  let samples: Bool
  let seed: UInt64
  let processor: ScoreProcessor

  init(
    _ settings: GenerationSettings, promptLength: Int, positionCount: Int, vocabularySize: Int
  ) throws(CheckpointError) {
    try settings.check()
    try settings.checkTokens(below: vocabularySize)
    guard settings.stopStrings.isEmpty else {
      throw inputFailure(
        .unsupported, "stop_strings", "without a tokenizer nobody knows what has been written",
        remedy: "generate with a tokenizer, or set none")
    }
    self.promptLength = promptLength
    if let new = settings.maxNewTokens {
      maxLength = try Self.sum(promptLength, new, "max_new_tokens")
    } else {
      maxLength = settings.maxLength ?? min(promptLength + 20, positionCount)
    }
    guard maxLength > promptLength else {
      throw inputFailure(
        .inconsistent, "max_length",
        "the prompt has \(promptLength) tokens, prompt and text may have \(maxLength)",
        remedy: promptLength < positionCount ? "allow more new tokens" : "shorten the text")
    }
    var minLength = settings.minLength ?? 0
    if let new = settings.minNewTokens {
      minLength = try Self.sum(promptLength, new, "min_new_tokens")
    }
    eosTokenIDs = settings.eosTokenIDs ?? []
    padTokenID = settings.padTokenID ?? eosTokenIDs.first
    beamCount = settings.beamCount ?? 1
    returnedSequenceCount = settings.returnedSequenceCount ?? 1
    earlyStopping = settings.earlyStopping ?? .heuristically
    lengthPenalty = settings.lengthPenalty ?? 1
    samples = settings.samples ?? false
    seed = settings.seed
    var processor = ScoreProcessor(settings)
    processor.minLength = minLength
    processor.maxLength = maxLength
    processor.promptLength = promptLength
    // Beams need something to go on with beside the ends.
    if beamCount > 1 { processor.sampling?.leastKept = max(2, eosTokenIDs.count + 1) }
    self.processor = processor
  }

  private static func sum(
    _ first: Int, _ second: Int, _ key: String
  ) throws(CheckpointError) -> Int {
    let (sum, overflow) = first.addingReportingOverflow(second)
    guard !overflow else {
      throw inputFailure(.malformed, key, "\(second) tokens cannot be counted")
    }
    return sum
  }
}
