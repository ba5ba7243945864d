public import CheckpointBytes

extension GenerationSettings {
  /// Reads `generation_config.json`; or `config.json`, whose settings for generation count where the other file is not.
  ///
  /// - Throws: `malformed` for a value of the wrong type or out of range, `unsupported` for a setting that would change the
  ///   text and is not implemented, naming key and value.
  public init(_ document: JSONValue, file: String? = nil) throws(CheckpointError) {
    self.init()
    let reader = try SettingsReader(document, file: file)
    try reader.refuseUnsupportedGeneration()
    maxLength = try reader.optionalInteger("max_length", default: nil)
    maxNewTokens = try reader.optionalInteger("max_new_tokens", default: nil)
    minLength = try reader.optionalInteger("min_length", default: nil)
    minNewTokens = try reader.optionalInteger("min_new_tokens", default: nil)
    samples = try reader.optionalBoolean("do_sample")
    beamCount = try reader.optionalInteger("num_beams", default: nil)
    earlyStopping = try reader.earlyStopping()
    lengthPenalty = try reader.optionalNumber("length_penalty")
    returnedSequenceCount = try reader.optionalInteger("num_return_sequences", default: nil)
    temperature = try reader.optionalNumber("temperature")
    topK = try reader.optionalInteger("top_k", default: nil)
    topP = try reader.optionalNumber("top_p")
    repetitionPenalty = try reader.optionalNumber("repetition_penalty")
    noRepeatNGramSize = try reader.optionalInteger("no_repeat_ngram_size", default: nil)
    padTokenID = try reader.optionalInteger("pad_token_id", default: nil)
    bosTokenID = try reader.optionalInteger("bos_token_id", default: nil)
    let ends = try reader.integers("eos_token_id", default: [])
    eosTokenIDs = ends.isEmpty ? nil : ends
    do {
      try check()
    } catch {
      var located = error
      located.site.file = file
      throw located
    }
  }
}

extension SettingsReader {
  fileprivate func earlyStopping() throws(CheckpointError) -> GenerationSettings.EarlyStopping? {
    switch value("early_stopping") {
    case nil, .null?: return nil
    case .boolean(true)?: return .whenEnoughAreFinished
    case .boolean(false)?: return .heuristically
    case .string("never")?: return .never
    default:
      throw failure(.malformed, "early_stopping", "expected true, false or \"never\"")
    }
  }

  /// Refuses what `generate` of Transformers 5.23 would act upon and this does not implement, unless its value changes
  /// nothing. Outputs beside the tokens, caches and compilation change no token.
  fileprivate func refuseUnsupportedGeneration() throws(CheckpointError) {
    for key: ExactName in [
      "min_p", "top_h", "bad_words_ids", "forced_bos_token_id", "forced_eos_token_id",
      "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens",
      "sequence_bias", "watermarking_config", "stop_strings", "max_time", "constraints",
      "force_words_ids", "prompt_lookup_num_tokens", "assistant_early_exit", "dola_layers",
      "speculation_type", "assistant_ensemble_weight",
    ] { try require(key, oneOf: [.null], supported: "no such setting") }
    for key: ExactName in [
      "renormalize_logits", "remove_invalid_values", "token_healing", "use_mtp",
    ] {
      try require(key, oneOf: [.null, .boolean(false)], supported: "false")
    }
    for key: ExactName in [
      "typical_p", "encoder_repetition_penalty", "guidance_scale", "num_beam_groups",
    ] { try require(key, equals: 1) }
    for key: ExactName in [
      "epsilon_cutoff", "eta_cutoff", "encoder_no_repeat_ngram_size", "diversity_penalty",
      "penalty_alpha",
    ] { try require(key, equals: 0) }
  }
}
