/// The body of a family: what its parts are called, and which it has. Names begin below the body; those of layers below
/// the layer.
package enum BodyDescription: Sendable {
  /// Norms behind the parts of a layer, attention to both sides unless it is a decoder.
  case encoder(EncoderDescription)
  /// Norms before the parts of a layer, attention to what came before.
  case decoder(DecoderDescription)

  /// Where a sequence's positions begin.
  package enum PositionRule: Sendable, Hashable {
    case zero
    /// At the padding token's id plus 1; padding has the padding token's id.
    case afterPadding
  }

  /// Where a sequence's positions begin.
  package var positionRule: PositionRule {
    switch self {
    case .encoder(let encoder): encoder.positionRule
    case .decoder: .zero
    }
  }

  /// The module of the word embeddings.
  package var words: String {
    switch self {
    case .encoder(let encoder): encoder.words
    case .decoder(let decoder): decoder.words
    }
  }

  /// True if token types have a table of their own.
  package var hasTokenTypes: Bool {
    switch self {
    case .encoder(let encoder): encoder.tokenTypes != nil
    case .decoder: false
    }
  }

  /// What each layer's names begin with.
  package var layers: String {
    switch self {
    case .encoder(let encoder): encoder.layers
    case .decoder(let decoder): decoder.layers
    }
  }

  /// The modules of a layer that low-rank adapters are for unless others are named, by the last parts of their names: queries and values, or
  /// what makes them (`TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING` of PEFT 0.21).
  package var adaptedModules: [String] {
    let names: [String] =
      switch self {
      case .encoder(let encoder): [encoder.query, encoder.value]
      case .decoder(let decoder): [decoder.queryKeyValue]
      }
    return names.map { String($0.split(separator: ".").last ?? "") }
  }

  /// The modules without a pooler, in the order of `state_dict`.
  package var modules: [ModuleTemplate] {
    switch self {
    case .encoder(let encoder): encoder.modules
    case .decoder(let decoder): decoder.modules
    }
  }

  /// The module of the pooler, if there is one.
  package var poolerModules: [ModuleTemplate] {
    guard case .encoder(let encoder) = self, let pooler = encoder.pooler else { return [] }
    return [
      ModuleTemplate("{body}" + pooler, .linear(out: .hidden, in: .hidden, hasBias: true))
    ]
  }
}

/// An encoder's parts, by BERT's names unless it has others (`modeling_bert.py`, Transformers 5.23).
package struct EncoderDescription: Sendable {
  package var words = "embeddings.word_embeddings"
  package var positions = "embeddings.position_embeddings"
  /// Nil if there are none.
  package var tokenTypes: String? = "embeddings.token_type_embeddings"
  package var norm = "embeddings.LayerNorm"
  /// What takes embeddings of a width of their own to that of the model, where the two differ; nil if they never do.
  package var projection: String?
  /// True if the model makes its positions after the other embeddings.
  package var makesPositionsLast = false
  package var positionRule = BodyDescription.PositionRule.zero
  /// What stands before the number of a layer.
  package var layers = "encoder.layer"
  /// The module whose result is the heads' results side by side.
  package var attention = "attention.self"
  package var query = "attention.self.query"
  package var key = "attention.self.key"
  package var value = "attention.self.value"
  package var attentionDense = "attention.output.dense"
  package var attentionNorm = "attention.output.LayerNorm"
  package var intermediate = "intermediate.dense"
  package var output = "output.dense"
  package var outputNorm = "output.LayerNorm"
  /// A linear map of the first token, and tanh; nil if there is none.
  package var pooler: String? = "pooler.dense"
  /// What training leaves out: of the embeddings, of attention's weights, of what attention gives (nil for nothing), and of a layer's
  /// output.
  package var embeddingDropout = DropoutSetting("hidden_dropout_prob")
  package var attentionDropout = DropoutSetting("attention_probs_dropout_prob")
  package var attentionOutputDropout: DropoutSetting? = DropoutSetting("hidden_dropout_prob")
  package var outputDropout = DropoutSetting("hidden_dropout_prob")

  package init() {}

  /// The width of the embeddings.
  var embeddingWidth: Extent { projection == nil ? .hidden : .embedding }

  var modules: [ModuleTemplate] {
    func part(_ name: String, _ kind: ModuleTemplate.Kind) -> ModuleTemplate {
      ModuleTemplate("{body}" + name, kind)
    }
    let width = embeddingWidth
    let positions = part(positions, .embedding(.positions, width: width))
    var modules = [part(words, .embedding(.vocabulary, width: width))]
    if !makesPositionsLast { modules.append(positions) }
    if let tokenTypes { modules.append(part(tokenTypes, .embedding(.tokenTypes, width: width))) }
    modules.append(part(norm, .norm(width)))
    if makesPositionsLast { modules.append(positions) }
    if let projection { modules.append(part(projection, .projection(out: .hidden, in: width))) }
    func layer(_ name: String, _ kind: ModuleTemplate.Kind) -> ModuleTemplate {
      part(layers + ".{layer}." + name, kind)
    }
    let square = ModuleTemplate.Kind.linear(out: .hidden, in: .hidden, hasBias: true)
    return modules + [query, key, value, attentionDense].map { layer($0, square) } + [
      layer(attentionNorm, .norm(.hidden)),
      layer(intermediate, .linear(out: .intermediate, in: .hidden, hasBias: true)),
      layer(output, .linear(out: .hidden, in: .intermediate, hasBias: true)),
      layer(outputNorm, .norm(.hidden)),
    ]
  }
}

/// A decoder's parts, by GPT-2's names (`modeling_gpt2.py`, Transformers 5.23). Token types are rows of the word embeddings.
package struct DecoderDescription: Sendable {
  package var words = "wte"
  package var positions = "wpe"
  /// What stands before the number of a layer.
  package var layers = "h"
  package var attention = "attn"
  package var attentionNorm = "ln_1"
  /// Query, key and value beside each other.
  package var queryKeyValue = "attn.c_attn"
  package var attentionDense = "attn.c_proj"
  package var outputNorm = "ln_2"
  package var intermediate = "mlp.c_fc"
  package var output = "mlp.c_proj"
  /// The norm behind the last layer.
  package var finalNorm = "ln_f"
  /// What training leaves out: of the embeddings, of attention's weights, and of what each part gives.
  package var embeddingDropout = DropoutSetting("embd_pdrop")
  package var attentionDropout = DropoutSetting("attn_pdrop")
  package var outputDropout = DropoutSetting("resid_pdrop")

  package init() {}

  var modules: [ModuleTemplate] {
    func part(_ name: String, _ kind: ModuleTemplate.Kind) -> ModuleTemplate {
      ModuleTemplate("{body}" + name, kind)
    }
    func layer(_ name: String, _ kind: ModuleTemplate.Kind) -> ModuleTemplate {
      part(layers + ".{layer}." + name, kind)
    }
    return [
      part(words, .embedding(.vocabulary, width: .hidden)),
      part(positions, .embedding(.positions, width: .hidden)),
      layer(attentionNorm, .norm(.hidden)),
      layer(queryKeyValue, .convolution(in: .hidden, out: .tripleHidden)),
      layer(attentionDense, .convolution(in: .hidden, out: .hidden)),
      layer(outputNorm, .norm(.hidden)),
      layer(intermediate, .convolution(in: .hidden, out: .intermediate)),
      layer(output, .convolution(in: .intermediate, out: .hidden)),
      part(finalNorm, .norm(.hidden)),
    ]
  }
}
