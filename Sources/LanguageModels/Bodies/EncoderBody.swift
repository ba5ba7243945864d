internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// `BertModel` and its like below their heads (`modeling_bert.py`, Transformers 5.23), with the parts and names that the
/// family has.
struct EncoderBody<Family: DescribedFamily>: ModelBody {
  let configuration: PretrainedConfig<Family>
  let context: ExecutionContext
  let tables: TokenBatch.Tables
  private let positionRule: BodyDescription.PositionRule
  private let words: Parameter
  private let positions: Parameter
  /// Nil if the family has no token types.
  private let tokenTypes: Parameter?
  private let norm: LayerNormWeights
  /// Nil if embeddings are as wide as the model.
  private let projection: LinearWeights?
  private let layers: [EncoderLayer]
  /// Nil if the head does without, or a body's checkpoint holds none.
  private let pooler: LinearWeights?
  private let embeddingDropout: Float

  init(
    _ parameters: ModelParameters<PretrainedConfig<Family>>, _ names: EncoderDescription
  ) throws(CheckpointError) {
    let configuration = parameters.configuration
    let body = parameters.body
    let sizes = parameters.architecture.sizes
    self.configuration = configuration
    context = parameters.context
    tables = TokenBatch.Tables(
      vocabulary: sizes.vocabulary, positions: sizes.positions, types: sizes.tokenTypes)
    positionRule = names.positionRule
    try Self.check(configuration.padTokenID, names.positionRule, vocabulary: sizes.vocabulary)
    words = try body[names.words].table()
    positions = try body[names.positions].table()
    tokenTypes = try names.tokenTypes.map { (name) throws(CheckpointError) in
      try body[name].table()
    }
    embeddingDropout = try configuration.rate(of: names.embeddingDropout)
    norm = try body[names.norm].norm(epsilon: configuration.layerNormEpsilon)
    projection =
      sizes.embedding == sizes.hidden
      ? nil
      : try names.projection.map { (name) throws(CheckpointError) in try body[name].linear() }
    layers = try (0..<sizes.layers).map { (number) throws(CheckpointError) in
      try EncoderLayer(
        body[names.layers][number], names, configuration, isLast: number == sizes.layers - 1)
    }
    pooler =
      parameters.architecture.hasPooler
      ? try names.pooler.map { (name) throws(CheckpointError) in try body[name].linear() } : nil
  }

  /// Refuses a padding token that the reference cannot be made with either (`padding_idx` of `torch.nn.Embedding`, where
  /// negative numbers count from the end), or that positions cannot be counted from.
  private static func check(
    _ padding: Int?, _ rule: BodyDescription.PositionRule, vocabulary: Int
  ) throws(CheckpointError) {
    guard let padding else {
      guard rule == .afterPadding else { return }
      throw inputFailure(
        .unsupported, "pad_token_id", "null: positions are counted from the padding token")
    }
    guard (-vocabulary..<vocabulary).contains(padding) else {
      throw inputFailure(
        .inconsistent, "pad_token_id",
        "\(padding) is outside the vocabulary of \(vocabulary) rows")
    }
  }

  var typesWithout: Int? { tokenTypes == nil ? nil : 0 }

  func tokens(_ inputs: ModelInputs) throws(CheckpointError) -> TokenBatch {
    try TokenBatch(
      inputs, tables: tables, typesWithout: typesWithout,
      positionsAfterPadding: positionRule == .afterPadding ? configuration.padTokenID : nil)
  }

  /// The first token stands for the sequence.
  func needed(_ tokens: TokenBatch) -> [Int] { tokens.firstPlaces }

  func callAsFunction(_ pass: ForwardPass) throws(CheckpointError) -> Tensor {
    // Word and type first, as there: sums in another order differ in the last bit. The reference's tables do not learn padding.
    var terms = [
      try pass.words(EmbeddingLookup(words, pass.ids, unlearned: padding(of: words)))
    ]
    if let tokenTypes {
      terms.append(
        try EmbeddingLookup(
          tokenTypes, pass.types ?? Array(repeating: 0, count: pass.ids.count)))
    }
    let padded = positionRule == .afterPadding ? padding(of: positions) : nil
    terms.append(try EmbeddingLookup(positions, pass.positions, unlearned: padded))
    var hidden = try embeddingSum(terms, in: context)
    hidden = try pass.drop(try layerNorm(hidden, norm, in: context), embeddingDropout)
    if let projection { hidden = try pass.linear(hidden, projection) }
    pass.record(hidden)
    for (number, layer) in layers.enumerated() {
      let rows = number == layers.count - 1 ? pass.lastRows : nil
      hidden = try pass.layer(hidden) { (hidden, pass) throws(CheckpointError) in
        try layer(hidden, number: number, pass, rows: rows)
      }
      pass.record(hidden)
    }
    return hidden
  }

  /// `padding_idx`: the row of the padding token, counted from the end if it is negative.
  private func padding(of table: Parameter) -> Int? {
    configuration.padTokenID.map { $0 < 0 ? $0 + table.rows : $0 }
  }

  /// `BertPooler`: tanh of a linear map of each sequence's first token.
  func pooled(_ result: BodyResult) throws(CheckpointError) -> Tensor? {
    guard let pooler else { return nil }
    return try linear(try result.firstTokens(), pooler, activation: .tanh, in: context)
  }
}
