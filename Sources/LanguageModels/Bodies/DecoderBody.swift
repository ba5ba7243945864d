internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// `GPT2Model` below its heads (`modeling_gpt2.py`, Transformers 5.23), with the names that the family has.
struct DecoderBody<Family: DescribedFamily>: ModelBody {
  let configuration: PretrainedConfig<Family>
  let context: ExecutionContext
  let tables: TokenBatch.Tables
  private let words: Parameter
  private let positions: Parameter
  private let layers: [DecoderLayer]
  private let finalNorm: LayerNormWeights
  private let embeddingDropout: Float

  init(
    _ parameters: ModelParameters<PretrainedConfig<Family>>, _ names: DecoderDescription
  ) throws(CheckpointError) {
    let configuration = parameters.configuration
    let body = parameters.body
    let sizes = parameters.architecture.sizes
    self.configuration = configuration
    context = parameters.context
    // Token types are looked up among the words.
    tables = TokenBatch.Tables(
      vocabulary: sizes.vocabulary, positions: sizes.positions, types: sizes.vocabulary)
    words = try body[names.words].table()
    positions = try body[names.positions].table()
    layers = try (0..<sizes.layers).map { (number) throws(CheckpointError) in
      try DecoderLayer(body[names.layers][number], names, configuration, number: number)
    }
    finalNorm = try body[names.finalNorm].norm(epsilon: configuration.layerNormEpsilon)
    embeddingDropout = try configuration.rate(of: names.embeddingDropout)
  }

  var typesWithout: Int? { nil }

  func tokens(_ inputs: ModelInputs) throws(CheckpointError) -> TokenBatch {
    let tokens = try TokenBatch(
      inputs, tables: tables, typesWithout: nil, positionsAfterPadding: nil)
    // The reference takes such positions for several texts in one row, but only if it keeps no cache.
    if !configuration.usesCache, inputs.attentionMask == nil, inputs.positionIDs != nil {
      let places = tokens.positions.indices.dropFirst()
      if let place = places.first(where: {
        $0 % tokens.length != 0 && tokens.positions[$0] != tokens.positions[$0 - 1] + 1
      }) {
        throw inputFailure(
          .unsupported, "position_ids" + inputs.inputIDs.place(of: place),
          "positions that do not count up mean several texts in one row where use_cache is false",
          remedy: "state an attention_mask")
      }
    }
    return tokens
  }

  func needed(_ tokens: TokenBatch) -> [Int] { [] }

  func callAsFunction(_ pass: ForwardPass) throws(CheckpointError) -> Tensor {
    var terms = [
      try pass.words(EmbeddingLookup(words, pass.ids)),
      try EmbeddingLookup(positions, pass.positions),
    ]
    if let types = pass.types { terms.append(try EmbeddingLookup(words, types)) }
    var hidden = try pass.drop(try embeddingSum(terms, in: context), embeddingDropout)
    pass.record(hidden)
    for (number, layer) in layers.enumerated() {
      let rows = number == layers.count - 1 ? pass.lastRows : nil
      hidden = try pass.layer(hidden) { (hidden, pass) throws(CheckpointError) in
        try layer(hidden, number: number, pass, rows: rows)
      }
      if number < layers.count - 1 { pass.record(hidden) }
    }
    let normed = try layerNorm(hidden, finalNorm, in: context)
    pass.record(configuration.normsLastHiddenState ? normed : hidden)
    return normed
  }

  func pooled(_ result: BodyResult) throws(CheckpointError) -> Tensor? { nil }
}
