internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// `BertModel` and `RobertaModel` below their heads (`modeling_bert.py`, `modeling_roberta.py`, Transformers 5.23).
struct EncoderBody<Family: EncoderFamily>: Sendable {
  let configuration: EncoderConfig<Family>
  let context: ExecutionContext
  private let tables: TokenBatch.Tables
  private let words: WordEmbeddings
  private let positions: Tensor
  private let tokenTypes: Tensor
  private let norm: LayerNormWeights
  private let layers: [EncoderLayer]
  /// Nil if the head does without, or a body's checkpoint holds none.
  private let pooler: LinearWeights?

  /// - Parameter head: The language model's head, whose output matrix may be the word embeddings.
  init(
    _ parameters: ModelParameters<EncoderConfig<Family>>, head: LanguageModelHead? = nil
  ) throws(CheckpointError) {
    let configuration = parameters.configuration
    let body = parameters.body
    let embeddings = body["embeddings"]
    let sizes = parameters.architecture.sizes
    self.configuration = configuration
    context = parameters.context
    tables = TokenBatch.Tables(
      vocabulary: sizes.vocabulary, positions: sizes.positions, types: sizes.tokenTypes)
    try Self.check(configuration.padTokenID, vocabulary: sizes.vocabulary)
    words = try parameters.wordEmbeddings(
      "embeddings.word_embeddings", decoder: head?.decoder,
      named: LanguageModelHead.decoderName(in: Family.family))
    positions = try embeddings["position_embeddings"].table()
    tokenTypes = try embeddings["token_type_embeddings"].table()
    norm = try embeddings["LayerNorm"].norm(epsilon: configuration.layerNormEpsilon)
    layers = try (0..<sizes.layers).map { (number) throws(CheckpointError) in
      try EncoderLayer(body["encoder.layer"][number], configuration)
    }
    pooler = parameters.architecture.hasPooler ? try body["pooler.dense"].linear() : nil
  }

  /// Refuses a padding token that the reference cannot be made with either (`padding_idx` of `torch.nn.Embedding`, where
  /// negative numbers count from the end), or that RoBERTa cannot count its positions from.
  private static func check(_ padding: Int?, vocabulary: Int) throws(CheckpointError) {
    guard let padding else {
      guard Family.family == .roberta else { return }
      throw inputFailure(
        .unsupported, "pad_token_id", "null: RoBERTa counts its positions from the padding token")
    }
    guard (-vocabulary..<vocabulary).contains(padding) else {
      throw inputFailure(
        .inconsistent, "pad_token_id",
        "\(padding) is outside the vocabulary of \(vocabulary) rows")
    }
  }

  /// Runs the body over whole sequences, in arrays of `rank` extents.
  func run(
    _ inputs: ModelInputs, _ options: RunOptions, rank: Int, in name: String
  ) throws(CheckpointError) -> BodyResult {
    let tokens = try TokenBatch(
      inputs, tables: tables, typesWithout: 0,
      positionsAfterPadding: Family.family == .roberta ? configuration.padTokenID : nil)
    try tokens.require(rank: rank, in: name)
    // The first token stands for the sequence.
    let pass = try ForwardPass(
      tokens, configuration, options: options, needed: tokens.firstPlaces, in: context)
    let hidden = try engine { () throws(EngineError) in try callAsFunction(pass) }
    return BodyResult(tokens: tokens, pass: pass, hidden: hidden)
  }

  /// The last hidden state of each row, `[rows, hidden]`.
  func callAsFunction(_ pass: ForwardPass) throws(EngineError) -> Tensor {
    let types = pass.types ?? Array(repeating: 0, count: pass.ids.count)
    // Word and type first, as there: sums in another order differ in the last bit.
    var hidden = try embeddingSum(
      [
        words.lookup(pass.ids), EmbeddingLookup(tokenTypes, types),
        EmbeddingLookup(positions, pass.positions),
      ], in: context)
    hidden = try layerNorm(hidden, norm, in: context)
    pass.record(hidden)
    for (number, layer) in layers.enumerated() {
      hidden = try layer(hidden, number: number, pass)
      pass.record(hidden)
    }
    return hidden
  }

  /// `BertPooler`: tanh of a linear map of each sequence's first token, `[sequences, hidden]`; nil without a pooler.
  func pooled(_ result: BodyResult) throws(EngineError) -> Tensor? {
    guard let pooler else { return nil }
    return try linear(try result.firstTokens(), pooler, activation: .tanh, in: context)
  }
}
