#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif
internal import CheckpointBytes

/// Beam search (`_beam_search` of `generation/utils.py`, Transformers 5.23), step for step, in float32 as there.
///
/// Each prompt has `beamCount` running beams, and as many places for finished ones. A score that cannot win is 1e9 lower: that
/// is the reference's way to rule a beam out. Ties between such scores decide only which of the texts that did not end is told where
/// fewer ended than are wanted.
struct BeamSearch {
  /// A text and its score: the sum of log-probabilities, divided by a power of its length once it is finished.
  private struct Beam {
    var tokens: [Int]
    var score: Float
    var isFinished = false
    /// The score of each new token.
    var steps: [Float] = []
  }

  /// A beam with one token more.
  private struct Candidate {
    var beam: Int
    var token: Int
    var score: Float
    /// The token's own score.
    var step: Float
    var isEnd = false
  }

  private let plan: GenerationPlan
  private let padding: [Int]
  private let ends: (_ tokens: [Int]) -> Bool
  private var sampler: TokenSampler
  /// `[prompt][beam]`.
  private var running: [[Beam]]
  private var finished: [[Beam]]
  private var canImprove: [Bool]
  private var length: Int

  private static var ruledOut: Float { -1e9 }

  /// A search whose decoder has each prompt `beamCount` times.
  init(
    plan: GenerationPlan, prompts: [[Int]], padding: [Int],
    ends: @escaping (_ tokens: [Int]) -> Bool
  ) {
    self.plan = plan
    self.padding = padding
    self.ends = ends
    sampler = TokenSampler(seed: plan.seed)
    // Only the first beam counts at first, or all would be the same.
    running = prompts.map { prompt in
      (0..<plan.beamCount).map { Beam(tokens: prompt, score: $0 == 0 ? 0 : Self.ruledOut) }
    }
    finished = prompts.map { prompt in
      Array(repeating: Beam(tokens: prompt, score: Self.ruledOut), count: plan.beamCount)
    }
    canImprove = prompts.map { _ in true }
    length = plan.promptLength
  }

  /// The best texts of each prompt so far, the best first, filled up to one length.
  var texts: [GeneratedText] {
    filledUp(finished.flatMap { $0.prefix(plan.returnedSequenceCount) })
  }

  /// Goes on with all beams from the scores `[prompt · beam, vocabulary]`.
  ///
  /// - Returns: Which beam each of them continues, and the token behind it; nil if nothing better is to come.
  mutating func step(
    _ scores: ArraySlice<Float>
  ) throws(CheckpointError) -> (origins: [Int], tokens: [Int])? {
    var everyCandidateEnds = true
    var origins: [Int] = []
    for prompt in running.indices {
      let candidates = try candidates(of: prompt, scores)
      everyCandidateEnds = everyCandidateEnds && candidates.allSatisfy(\.isEnd)
      finish(candidates, of: prompt)
      origins += goOn(candidates, of: prompt)
    }
    length += 1
    for prompt in running.indices where canImprove[prompt] {
      canImprove[prompt] = mayImprove(prompt)
    }
    let isFull =
      plan.earlyStopping == .whenEnoughAreFinished
      && finished.allSatisfy { $0.allSatisfy(\.isFinished) }
    guard canImprove.contains(true), !isFull, !everyCandidateEnds else { return nil }
    return (origins, running.joined().map { $0.tokens[length - 1] })
  }

  /// The best continuations of a prompt's beams: enough that as many as there are beams do not end.
  private mutating func candidates(
    of prompt: Int, _ scores: ArraySlice<Float>
  ) throws(CheckpointError) -> [Candidate] {
    let width = scores.count / max(1, running.count * plan.beamCount)
    var steps: [Float] = []
    var sums: [Float] = []
    for (place, beam) in running[prompt].enumerated() {
      let row = scores.startIndex + (prompt * plan.beamCount + place) * width
      var logarithms = ScoreProcessor.logProbabilities(of: scores[row..<(row + width)])
      try plan.processor.apply(to: &logarithms, tokens: beam.tokens[...], padding: padding[prompt])
      steps += logarithms
      sums += logarithms.map { $0 + beam.score }
    }
    let wanted = max(2, 1 + plan.eosTokenIDs.count) * plan.beamCount
    let places =
      plan.samples ? try sampler.draw(wanted, from: sums) : largestPlaces(wanted, of: sums)
    return places.map { place in
      var candidate = Candidate(
        beam: place / width, token: place % width, score: sums[place], step: steps[place])
      candidate.isEnd =
        plan.eosTokenIDs.contains(candidate.token) || length + 1 >= plan.maxLength
        || ends(running[prompt][candidate.beam].tokens + [candidate.token])
      return candidate
    }
  }

  /// Puts those of the best candidates that end among the finished beams, if they are better.
  private mutating func finish(_ candidates: [Candidate], of prompt: Int) {
    let isFull =
      plan.earlyStopping == .whenEnoughAreFinished && finished[prompt].allSatisfy(\.isFinished)
    let divisor = power(length + 1 - plan.promptLength)
    let new = candidates.enumerated().map { place, candidate in
      var beam = Beam(
        tokens: running[prompt][candidate.beam].tokens + [candidate.token],
        score: candidate.score / divisor,
        steps: running[prompt][candidate.beam].steps + [candidate.step])
      beam.isFinished = candidate.isEnd && place < plan.beamCount
      if isFull { beam.score += Self.ruledOut }
      if !canImprove[prompt] { beam.score += Self.ruledOut }
      if !beam.isFinished { beam.score += Self.ruledOut }
      return beam
    }
    // Where nothing has won yet, what is longest stands for it: of equal scores the first is taken.
    let all =
      finished[prompt].filter(\.isFinished) + new + finished[prompt].filter { !$0.isFinished }
    finished[prompt] = largestPlaces(plan.beamCount, of: all.map(\.score)).map { all[$0] }
  }

  /// Goes on with the best candidates that do not end; returns which text each of them continues.
  private mutating func goOn(_ candidates: [Candidate], of prompt: Int) -> [Int] {
    let scores = candidates.map { $0.isEnd ? $0.score + Self.ruledOut : $0.score }
    let chosen = largestPlaces(plan.beamCount, of: scores)
    let beams = running[prompt]
    running[prompt] = chosen.map { place in
      Beam(
        tokens: beams[candidates[place].beam].tokens + [candidates[place].token],
        score: scores[place], steps: beams[candidates[place].beam].steps + [candidates[place].step])
    }
    return chosen.map { prompt * plan.beamCount + candidates[$0].beam }
  }

  /// `_check_early_stop_heuristic`.
  private func mayImprove(_ prompt: Int) -> Bool {
    let best =
      plan.earlyStopping == .never && plan.lengthPenalty > 0
      ? plan.maxLength - plan.promptLength : length - plan.promptLength
    let hope = running[prompt][0].score / power(best)
    let worst = finished[prompt].map(\.score).min() ?? Self.ruledOut
    return finished[prompt].contains { hope > ($0.isFinished ? worst : Self.ruledOut) }
  }

  private func power(_ length: Int) -> Float {
    Float(pow(Double(length), plan.lengthPenalty))
  }

  private func filledUp(_ beams: [Beam]) -> [GeneratedText] {
    let longest = beams.map(\.tokens.count).max() ?? 0
    // As there: a padding token of 0 counts as none.
    let fill = plan.eosTokenIDs.first.map { end in
      plan.padTokenID.flatMap { $0 == 0 ? nil : $0 } ?? end
    }
    return beams.map { beam in
      GeneratedText(
        tokens: beam.tokens + Array(repeating: fill ?? -1, count: longest - beam.tokens.count),
        logProbabilities: beam.steps.map { Double($0) }, score: Double(beam.score))
    }
  }
}
