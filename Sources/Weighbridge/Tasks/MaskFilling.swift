public import CheckpointBytes
internal import LanguageModels
internal import Tokenizers

/// Fills the masks of texts, as Transformers' pipeline `fill-mask` does (5.23).
public struct MaskFilling: TextTask {
  private let model: TextModel
  private let mask: Int
  /// How many tokens are proposed for each mask.
  public let top: Int
  /// The tokens that are proposed alone, in ascending order; nil for all.
  public let targets: [Int]?
  /// What became of targets that are no tokens, a sentence each.
  public let remarks: [String]

  /// Takes a masked language model.
  ///
  /// - Parameters:
  ///   - model: The model with its tokenizer.
  ///   - top: How many of the best are given; all if nil.
  ///   - targets: Tokens or texts that are proposed alone, by their probabilities among all tokens; a text that is no
  ///     token is cut to one, as in the reference: its first, or its last where the tokenizer cuts texts on the left. Nil
  ///     proposes any token.
  /// - Throws: `unsupported` for a model with another head; `notFound` if the tokenizer has no mask token, or no target is a
  ///   token.
  public init(
    _ model: TextModel, top: Int = 5, targets: [String]? = nil
  ) throws(CheckpointError) {
    guard model.model is any MaskFiller else {
      throw CheckpointError(
        .unsupported, field: "class", "\(type(of: model.model).className) does not fill masks")
    }
    guard let mask = model.tokenizer.maskTokenID else {
      throw CheckpointError(
        .notFound, CheckpointError.Site(field: "mask_token"), "the tokenizer has no mask token")
    }
    self.model = model
    self.mask = mask
    self.top = max(0, top)
    guard let targets else {
      (self.targets, remarks) = (nil, [])
      return
    }
    var ids: Set<Int> = []
    var remarks: [String] = []
    for target in targets {
      if let id = model.tokenizer.id(of: target) {
        ids.insert(id)
        continue
      }
      let encoding = try model.tokenizer.encode(
        target,
        options: EncodingOptions(
          addsSpecialTokens: false,
          truncation: Truncation(
            maximumLength: 1, side: model.tokenizer.truncationSide, keepsOverflow: false)))
      let id = encoding.ids.first
      if let id { ids.insert(id) }
      remarks.append(
        "the target \(quoted(target)) is no token; "
          + (id.flatMap { model.tokenizer.token(withID: $0) }
            .map { "\(quoted($0)) is taken for it" } ?? "it is left out"))
    }
    guard !ids.isEmpty else {
      throw CheckpointError(.notFound, field: "targets", "none of them is a token")
    }
    self.targets = ids.sorted()
    self.remarks = remarks
  }

  /// `text`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> String { try row.text("text") }

  /// The masks of texts in their order.
  ///
  /// - Returns: For a text without a mask `notFound`.
  public func answers(to inputs: [String]) -> [Result<[MaskedPlace], CheckpointError>] {
    let encodings = zip(inputs, model.encodings(of: inputs.map { TokenizerInput($0) })).map {
      (text, encoding) in
      encoding.tryMap { (encoding) throws(CheckpointError) in
        guard encoding.ids.contains(mask) else { throw noMask(in: text) }
        return encoding
      }
    }
    return model.run(encodings, scoring: masks) { (outputs, encodings) throws(CheckpointError) in
      guard let logits = outputs.logits else { return [] }
      var row = 0
      return encodings.map { encoding in
        let places = masks(of: encoding)
        return places.map { place in
          defer { row += 1 }
          return MaskedPlace(
            position: place,
            proposals: proposals(
              logits.row(row) ?? [], at: place, of: encoding, isOnly: places.count == 1))
        }
      }
    }
  }

  private func masks(of encoding: Encoding) -> [Int] {
    encoding.ids.indices.filter { encoding.ids[$0] == mask }
  }

  /// `masks`: of each the `position`, and `proposals` with `score`, `token`, `token_str` and `sequence`.
  public func members(of output: [MaskedPlace]) -> [JSONValue.Member] {
    let masks = output.map { place in
      [
        JSONValue.Member("position", .integer(place.position)),
        JSONValue.Member(
          "proposals",
          .array(
            [JSONValue](
              place.proposals.map { proposal in
                [
                  JSONValue.Member("score", .double(proposal.probability)),
                  JSONValue.Member("token", .integer(proposal.tokenID)),
                  JSONValue.Member("token_str", .string(proposal.token)),
                  JSONValue.Member("sequence", .string(proposal.text)),
                ]
              }))),
      ]
    }
    return [JSONValue.Member("masks", .array([JSONValue](masks)))]
  }

  private func proposals(
    _ logits: [Float], at place: Int, of encoding: Encoding, isOnly: Bool
  ) -> [MaskedPlace.Proposal] {
    let probabilities = ScoreProcessor.probabilities(of: logits)
    let allowed = targets?.filter { $0 < probabilities.count }
    let best =
      allowed.map { tokens in
        largestPlaces(top, of: tokens.map { probabilities[$0] }).map { tokens[$0] }
      } ?? largestPlaces(top, of: probabilities)
    let tokenizer = model.tokenizer
    return best.map { token in
      var ids = encoding.ids
      ids[place] = token
      ids.removeAll { $0 == tokenizer.paddingTokenID }
      return MaskedPlace.Proposal(
        tokenID: token, token: tokenizer.decode([token]),
        probability: Double(probabilities[token]),
        text: tokenizer.decode(ids, skipSpecialTokens: isOnly))
    }
  }

  private func noMask(in text: String) -> CheckpointError {
    CheckpointError(
      .notFound, CheckpointError.Site(field: "text"), "there is no mask in \(quoted(text))",
      remedy:
        "write \(model.tokenizer.specialTokens[.mask] ?? "the mask token") where a token is missing"
    )
  }
}
