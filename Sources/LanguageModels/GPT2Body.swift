internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// `GPT2Model` below its heads (`modeling_gpt2.py`, Transformers 5.23).
struct GPT2Body: Sendable {
  let configuration: GPT2Config
  let context: ExecutionContext
  private let tables: TokenBatch.Tables
  private let wte: WordEmbeddings
  private let wpe: Tensor
  private let h: [GPT2Block]
  private let lnF: LayerNormWeights

  /// - Parameter head: The language model's output matrix, which may be the word embeddings.
  init(
    _ parameters: ModelParameters<GPT2Config>, head: LinearWeights? = nil
  ) throws(CheckpointError) {
    let configuration = parameters.configuration
    let body = parameters.body
    let sizes = parameters.architecture.sizes
    self.configuration = configuration
    context = parameters.context
    tables = TokenBatch.Tables(
      vocabulary: sizes.vocabulary, positions: sizes.positions, types: sizes.vocabulary)
    wte = try parameters.wordEmbeddings("wte", decoder: head, named: "lm_head")
    wpe = try body["wpe"].table()
    h = try (0..<sizes.layers).map { (number) throws(CheckpointError) in
      try GPT2Block(body["h"][number], configuration, number: number)
    }
    lnF = try body["ln_f"].norm(epsilon: configuration.layerNormEpsilon)
  }

  /// Checked inputs, with what is not stated filled in.
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

  /// Runs the body over whole sequences, `[batch, sequence]`.
  func run(
    _ inputs: ModelInputs, _ options: RunOptions, in name: String
  ) throws(CheckpointError) -> BodyResult {
    let tokens = try tokens(inputs)
    try tokens.require(rank: 2, in: name)
    return try run(tokens, options)
  }

  /// Runs the body over whole sequences.
  ///
  /// - Parameter needed: The places whose rows the head takes.
  func run(
    _ tokens: TokenBatch, _ options: RunOptions, needed: [Int] = []
  ) throws(CheckpointError) -> BodyResult {
    let pass = try ForwardPass(
      tokens, configuration, options: options, needed: needed, in: context)
    let hidden = try engine { () throws(EngineError) in try callAsFunction(pass) }
    return BodyResult(tokens: tokens, pass: pass, hidden: hidden)
  }

  /// The last hidden state of each row, `[rows, hidden]`.
  func callAsFunction(_ pass: ForwardPass) throws(EngineError) -> Tensor {
    var terms = [wte.lookup(pass.ids), EmbeddingLookup(wpe, pass.positions)]
    if let types = pass.types { terms.append(wte.lookup(types)) }
    var hidden = try embeddingSum(terms, in: context)
    pass.record(hidden)
    for (number, block) in h.enumerated() {
      hidden = try block(hidden, number: number, pass)
      if number < h.count - 1 { pass.record(hidden) }
    }
    let normed = try layerNorm(hidden, lnF, in: context)
    pass.record(configuration.normsLastHiddenState ? normed : hidden)
    return normed
  }
}

/// `GPT2Block` with its `GPT2Attention` and `GPT2MLP` (`modeling_gpt2.py`, Transformers 5.23).
struct GPT2Block: Sendable {
  private let ln1: LayerNormWeights
  private let cAttn: LinearWeights
  private let attnCProj: LinearWeights
  private let ln2: LayerNormWeights
  private let cFc: LinearWeights
  private let activation: Activation
  private let mlpCProj: LinearWeights
  private let heads: Int
  private let scale: Float

  init(
    _ block: ParameterScope, _ configuration: GPT2Config, number: Int
  ) throws(CheckpointError) {
    ln1 = try block["ln_1"].norm(epsilon: configuration.layerNormEpsilon)
    cAttn = try block["attn.c_attn"].convolution()
    attnCProj = try block["attn.c_proj"].convolution()
    ln2 = try block["ln_2"].norm(epsilon: configuration.layerNormEpsilon)
    cFc = try block["mlp.c_fc"].convolution()
    activation = try SettingsReader.activation(
      configuration.activation, key: "activation_function")
    mlpCProj = try block["mlp.c_proj"].convolution()
    heads = configuration.headCount
    var scale = 1.0
    if configuration.scalesAttention {
      scale /= Double(configuration.hiddenSize / configuration.headCount).squareRoot()
    }
    if configuration.scalesAttentionByLayer { scale /= Double(number + 1) }
    self.scale = Float(scale)
  }

  /// What the block makes of its input, `[tokens, hidden]`.
  func callAsFunction(
    _ hidden: Tensor, number: Int, _ pass: ForwardPass
  ) throws(EngineError) -> Tensor {
    let context = pass.context
    let qkv = try linear(try layerNorm(hidden, ln1, in: context), cAttn, in: context)
    let seen = try pass.attend(qkv, heads: heads, scale: scale, layer: number)
    let attended = try linear(seen, attnCProj, adding: hidden, in: context)
    let normed = try layerNorm(attended, ln2, in: context)
    let inner = try linear(normed, cFc, activation: activation, in: context)
    return try linear(inner, mlpCProj, adding: attended, in: context)
  }
}
