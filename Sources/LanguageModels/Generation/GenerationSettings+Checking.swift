package import CheckpointBytes

extension GenerationSettings {
  /// A kind of search that some settings matter in alone; the others pass them over, as the reference does.
  enum Search: Sendable, Hashable {
    /// Tokens are drawn, with beams or without.
    case drawing
    /// There are several beams.
    case beams
    /// There is one, whether tokens are drawn or not.
    case oneBeam
    /// The most likely token is taken, of several that are looked at.
    case contrastive
  }

  /// A value that is wrong, or not implemented, in one kind of search.
  struct Fault: Sendable, Hashable {
    let key: String
    let search: Search
    let error: CheckpointError

    func hash(into hasher: inout Hasher) {
      hasher.combine(key)
      hasher.combine(search)
    }
  }

  /// Something else was set in place of what a file states.
  mutating func forgetFault(_ key: String) {
    if !faults.isEmpty { faults.removeAll { $0.key == key } }
  }

  /// More texts or beams of one prompt than anybody wants: a number from a file never makes a longer list.
  static let mostTexts = 4096

  /// Refuses values that have no meaning in the search that is asked for, as the reference does
  /// (`generation/configuration_utils.py` and `generation/logits_process.py`).
  package func check() throws(CheckpointError) {
    try checkAlways()
    let draws = samples == true
    let hasBeams = beamCount ?? 1 > 1
    let fault = (faults + rangeFaults()).first { fault in
      switch fault.search {
      case .drawing: draws
      case .beams: hasBeams
      case .oneBeam: !hasBeams
      case .contrastive: !draws && !hasBeams && topK ?? 50 > 1
      }
    }
    if let fault { throw fault.error }
    let texts = returnedSequenceCount ?? 1
    let beams = beamCount ?? 1
    guard texts == 1 || draws || texts <= beams else {
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

  /// Refuses values that have no meaning in any search. Lengths and sizes below 0 are no rule.
  func checkAlways() throws(CheckpointError) {
    for (key, value) in [
      ("max_new_tokens", maxNewTokens), ("num_beams", beamCount),
      ("num_return_sequences", returnedSequenceCount),
    ] {
      if let value, value < 1 { throw outOfRange(key, value, "at least 1") }
    }
    for (key, value) in [("num_beams", beamCount), ("num_return_sequences", returnedSequenceCount)]
    {
      if let value, value > Self.mostTexts {
        throw inputFailure(
          .limitExceeded, key, "\(value), at most \(Self.mostTexts) are allowed")
      }
    }
    for (key, penalty) in [
      ("repetition_penalty", repetitionPenalty),
      ("encoder_repetition_penalty", promptRepetitionPenalty),
    ] {
      if let penalty, !(penalty > 0 && penalty.isFinite) {
        throw outOfRange(key, penalty, "a number above 0")
      }
    }
    for (key, words) in [
      ("bad_words_ids", badWords), ("sequence_bias", sequenceBias.map(\.tokens)),
    ] where words.contains(where: \.isEmpty) {
      throw inputFailure(.malformed, key, "expected at least one token in each list")
    }
    for (key, forced) in [
      ("forced_bos_token_id", forcedFirstTokenID.map { [$0] } ?? []),
      ("forced_eos_token_id", forcedLastTokenIDs),
    ] where !forced.isEmpty && Set(forced).isSubset(of: suppressedTokens) {
      throw inputFailure(
        .inconsistent, key,
        "\(singleLine("\(forced.sorted())", limit: 60)): each is in suppress_tokens as well, so that none could follow",
        remedy: "leave them out of one; min_new_tokens keeps ends from coming early")
    }
  }

  /// Refuses tokens that the vocabulary does not have, in the rules that change their scores.
  func checkTokens(below count: Int) throws(CheckpointError) {
    for (key, tokens) in [
      ("bad_words_ids", Array(badWords.joined())),
      ("sequence_bias", sequenceBias.flatMap(\.tokens)),
      ("forced_bos_token_id", forcedFirstTokenID.map { [$0] } ?? []),
      ("forced_eos_token_id", forcedLastTokenIDs),
    ] {
      if let token = tokens.first(where: { !(0..<count).contains($0) }) {
        throw inputFailure(
          .inconsistent, key, "\(token) is outside the vocabulary of \(count) tokens")
      }
    }
  }

  /// Values that have no meaning in one kind of search.
  func rangeFaults() -> [Fault] {
    var faults: [Fault] = []
    func add(
      _ key: String, _ search: Search, _ value: some CustomStringConvertible, _ expected: String
    ) {
      faults.append(Fault(key: key, search: search, error: outOfRange(key, value, expected)))
    }
    if let temperature, !(temperature > 0 && temperature.isFinite) {
      add("temperature", .drawing, temperature, "a number above 0 to draw by")
    }
    if let topK, topK < 0 { add("top_k", .drawing, topK, "at least 0") }
    if let topP, !(topP >= 0) { add("top_p", .drawing, topP, "a number from 0 on") }
    if let minP, !(0...1).contains(minP) { add("min_p", .drawing, minP, "a number from 0 to 1") }
    if let typicalP, !(typicalP > 0) { add("typical_p", .drawing, typicalP, "a number above 0") }
    if let topH, !(topH > 0 && topH <= 1) {
      add("top_h", .drawing, topH, "a number above 0, and at most 1")
    }
    if let lengthPenalty, !lengthPenalty.isFinite {
      add("length_penalty", .beams, lengthPenalty, "a finite number")
    }
    return faults
  }

  private func outOfRange(
    _ key: String, _ value: some CustomStringConvertible, _ expected: String
  ) -> CheckpointError {
    inputFailure(.malformed, key, "expected \(expected), found \(value)")
  }
}
