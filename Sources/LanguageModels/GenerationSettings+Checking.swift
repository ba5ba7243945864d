internal import CheckpointBytes

extension GenerationSettings {
  /// More texts or beams of one prompt than anybody wants: a number from a file never makes a longer list.
  static let mostTexts = 4096

  /// Refuses values that have no meaning, as the reference does (`generation/configuration_utils.py` and
  /// `generation/logits_process.py`).
  func check() throws(CheckpointError) {
    func refuse(
      _ key: String, _ value: some CustomStringConvertible, _ expected: String
    ) -> CheckpointError {
      inputFailure(.malformed, key, "expected \(expected), found \(value)")
    }
    for (key, value) in [
      ("max_new_tokens", maxNewTokens), ("num_beams", beamCount),
      ("num_return_sequences", returnedSequenceCount),
    ] {
      if let value, value < 1 { throw refuse(key, value, "at least 1") }
    }
    for (key, value) in [("num_beams", beamCount), ("num_return_sequences", returnedSequenceCount)]
    {
      if let value, value > Self.mostTexts {
        throw inputFailure(
          .limitExceeded, key, "\(value), at most \(Self.mostTexts) are allowed")
      }
    }
    for (key, value) in [
      ("min_length", minLength), ("min_new_tokens", minNewTokens), ("top_k", topK),
      ("no_repeat_ngram_size", noRepeatNGramSize),
    ] {
      if let value, value < 0 { throw refuse(key, value, "at least 0") }
    }
    for (key, value) in [("temperature", temperature), ("repetition_penalty", repetitionPenalty)] {
      if let value, !(value > 0 && value.isFinite) { throw refuse(key, value, "a number above 0") }
    }
    if let topP, !(0...1).contains(topP) { throw refuse("top_p", topP, "a number of 0 to 1") }
    if let lengthPenalty, !lengthPenalty.isFinite {
      throw refuse("length_penalty", lengthPenalty, "a finite number")
    }
    let texts = returnedSequenceCount ?? 1
    let beams = beamCount ?? 1
    guard texts == 1 || samples == true || texts <= beams else {
      throw inputFailure(
        .inconsistent, "num_return_sequences",
        "\(texts) texts, but \(beams) \(beams == 1 ? "beam" : "beams"): the same would come again",
        remedy: "sample, or take as many beams")
    }
    guard texts == 1 || beams == 1 || texts <= beams else {
      throw inputFailure(
        .inconsistent, "num_return_sequences", "\(texts) texts of \(beams) beams")
    }
  }
}
