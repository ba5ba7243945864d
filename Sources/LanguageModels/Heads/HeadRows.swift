internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// The rows of states that an output of a head is made of.
struct HeadRows {
  /// Sets of places whose rows are added up, and averaged if there are several; none where all rows count.
  private let sets: [[Int]]
  private let source: HeadOutput.Source
  /// The extents of the result without its columns; nil if it has a row for each token.
  let extents: [Int]?

  /// The places whose rows are needed; none where all are.
  var places: [Int] { Array(sets.joined()) }
  /// Whether all rows are needed.
  var isAll: Bool { source == .tokens }

  /// - Parameter chosen: The places that stand for sequences in a summary, where they are stated.
  init<Family>(
    _ source: HeadOutput.Source, in tokens: TokenBatch,
    _ configuration: PretrainedConfig<Family>, chosen: TokenArray?
  ) throws(CheckpointError) {
    self.source = source
    let sequences = Array(tokens.dimensions.dropLast())
    switch source {
    case .tokens:
      sets = []
      extents = nil
    case .firstToken, .pooler:
      sets = [tokens.firstPlaces]
      extents = sequences
    case .lastToken:
      sets = [try Self.lastPlaces(in: tokens, padding: configuration.padTokenID)]
      extents = sequences
    case .summary:
      sets = try Self.summary(
        of: tokens, [tokens.sequenceCount, tokens.length], configuration.summaryType, nil
      ).0
      extents = sequences
    case .summaryAlongSecond:
      (sets, extents) = try Self.summary(
        of: tokens, tokens.dimensions, configuration.summaryType, chosen)
    }
  }

  /// The rows; nil if the body has no such thing.
  func states(_ result: BodyResult, _ body: any ModelBody) throws(CheckpointError) -> Tensor? {
    switch source {
    case .tokens: return result.hidden
    case .pooler: return try body.pooled(result)
    case .firstToken, .lastToken, .summary, .summaryAlongSecond:
      var sum = try result.pass.rows(at: sets[0], of: result.hidden)
      for places in sets.dropFirst() {
        sum = try add(
          sum, try result.pass.rows(at: places, of: result.hidden), in: body.context)
      }
      return sets.count == 1 ? sum : try scale(sum, by: 1 / Float(sets.count), in: body.context)
    }
  }

  /// The last token of each sequence that is no padding, whatever the mask.
  private static func lastPlaces(
    in tokens: TokenBatch, padding: Int?
  ) throws(CheckpointError) -> [Int] {
    guard let padding else {
      guard tokens.sequenceCount == 1 else {
        throw inputFailure(
          .unsupported, "pad_token_id",
          "null: where each of \(tokens.sequenceCount) texts ends is not known",
          remedy: "give one text at a time")
      }
      return tokens.lastPlaces
    }
    // A text of nothing but padding is taken at its first token.
    return tokens.firstPlaces.map { first in
      (first..<(first + tokens.length)).last { tokens.ids[$0] != padding } ?? first
    }
  }

  /// The places whose mean stands for a sequence (`SequenceSummary`, `modeling_gpt2.py`, Transformers 5.23). All types but
  /// `cls_index` look along the second extent, whatever it is.
  ///
  /// - Parameter extents: Those of the tokens, as the reference has them.
  private static func summary(
    of tokens: TokenBatch, _ extents: [Int], _ type: SummaryType, _ stated: TokenArray?
  ) throws(CheckpointError) -> ([[Int]], [Int]) {
    if type == .classIndex {
      let sequences = Array(extents.dropLast())
      guard let stated else { return ([tokens.lastPlaces], sequences) }
      guard stated.dimensions == sequences else {
        throw inputFailure(
          .mismatch, "mc_token_ids", "extents \(stated.dimensions), expected \(sequences)")
      }
      if let place = stated.elements.firstIndex(where: { !(0..<tokens.length).contains($0) }) {
        throw inputFailure(
          .inconsistent, "mc_token_ids" + stated.place(of: place),
          "\(stated.elements[place]) is outside the sequence of \(tokens.length) tokens")
      }
      return ([zip(tokens.firstPlaces, stated.elements).map { $0 + $1 }], sequences)
    }
    let inner = extents.count == 3 ? tokens.length : 1
    let sets = (0..<extents[1]).map { index in
      (0..<extents[0]).flatMap { batch in
        (0..<inner).map { (batch * extents[1] + index) * inner + $0 }
      }
    }
    let dimensions = [extents[0]] + extents.dropFirst(2)
    switch type {
    case .first: return ([sets[0]], dimensions)
    case .last: return ([sets[sets.count - 1]], dimensions)
    case .mean, .classIndex: return (sets, dimensions)
    }
  }
}
