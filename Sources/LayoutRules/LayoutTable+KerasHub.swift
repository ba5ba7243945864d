extension LayoutTable {
  /// KerasHub's `.weights.h5` (0.32): a backbone alone, or inside a task. Heads are an axis of their own, so that writing
  /// needs their number.
  ///
  /// RoBERTa's is absent: it has neither token types nor the first two positions, which no rule could give back. BERT's body has a pooler always, which a masked language model of Transformers lacks:
  /// such a task is read and not written.
  static func kerasHub(_ family: ModelFamily) -> LayoutTable? {
    switch family {
    case .bert:
      LayoutTable(
        layout: .kerasHub, family: family, rules: kerasBERT,
        heads: [.base, .maskedLM, .sequenceClassification], needsPooler: true,
        drops: [
          KnownAbsence("{body}layers/dense/vars/(0|1)", "this head does not use the pooler")
        ], bodies: ("layers/bert_backbone/", ""))
    case .gpt2:
      LayoutTable(
        layout: .kerasHub, family: family, rules: kerasGPT2, heads: [.base, .causalLM],
        bodies: ("layers/gpt2_backbone/", ""))
    case .roberta: nil
    }
  }

  private static func dense(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.dense(canonical, foreign + "/vars/0", foreign + "/vars/1")
  }

  private static func pair(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.pair(canonical, foreign + "/vars/0", foreign + "/vars/1")
  }

  private static let kerasBERT: [LayoutRule] = {
    let layer = "{body}encoder.layer.{layer}."
    let block = "{body}layers/transformer_encoder{_layer}/"
    let attention = block + "_self_attention_layer/"
    let embeddings = [
      ("word_embeddings", "reversible_embedding"), ("position_embeddings", "position_embedding"),
      ("token_type_embeddings", "embedding"),
    ]
    var rules = embeddings.map { canonical, foreign in
      LayoutRule("{body}embeddings.\(canonical).weight", ["{body}layers/\(foreign)/vars/0"])
    }
    rules += pair("{body}embeddings.LayerNorm", "{body}layers/layer_normalization")
    for part in ["query", "key", "value"] {
      let canonical = layer + "attention.self." + part
      let foreign = attention + part + "_dense/vars/"
      rules += [
        LayoutRule(
          canonical + ".weight", [foreign + "0"],
          LayoutOperation(isTransposed: true, shape: [.hidden, .heads, .headSize])),
        LayoutRule(
          canonical + ".bias", [foreign + "1"], LayoutOperation(shape: [.heads, .headSize])),
      ]
    }
    rules += [
      LayoutRule(
        layer + "attention.output.dense.weight", [attention + "output_dense/vars/0"],
        LayoutOperation(isTransposed: true, shape: [.heads, .headSize, .hidden])),
      LayoutRule(layer + "attention.output.dense.bias", [attention + "output_dense/vars/1"]),
    ]
    rules += pair(layer + "attention.output.LayerNorm", block + "_self_attention_layer_norm")
    rules += dense(layer + "intermediate.dense", block + "_feedforward_intermediate_dense")
    rules += dense(layer + "output.dense", block + "_feedforward_output_dense")
    rules += pair(layer + "output.LayerNorm", block + "_feedforward_layer_norm")
    rules += dense("{body}pooler.dense", "{body}layers/dense")
    let head = "layers/masked_lm_head/"
    rules += [LayoutRule("cls.predictions.bias", [head + "vars/0"])]
    rules += dense("cls.predictions.transform.dense", head + "_intermediate_dense")
    rules += pair("cls.predictions.transform.LayerNorm", head + "_intermediate_layer_norm")
    return rules + dense("classifier", "layers/dense")
  }()

  private static let kerasGPT2: [LayoutRule] = {
    let layer = "{body}h.{layer}."
    let block = "{body}layers/transformer_decoder{_layer}/"
    let attention = block + "_self_attention_layer/"
    let parts = ["query", "key", "value"].map { attention + $0 + "_dense/vars/" }
    return [
      LayoutRule("{body}wte.weight", ["{body}layers/reversible_embedding/vars/0"]),
      LayoutRule("{body}wpe.weight", ["{body}layers/position_embedding/vars/0"]),
    ] + pair(layer + "ln_1", block + "_self_attention_layer_norm")
      + [
        LayoutRule(
          layer + "attn.c_attn.weight", parts.map { $0 + "0" },
          LayoutOperation(split: 1, shape: [.hidden, .heads, .headSize])),
        LayoutRule(
          layer + "attn.c_attn.bias", parts.map { $0 + "1" },
          LayoutOperation(split: 0, shape: [.heads, .headSize])),
        LayoutRule(
          layer + "attn.c_proj.weight", [attention + "output_dense/vars/0"],
          LayoutOperation(shape: [.heads, .headSize, .hidden])),
        LayoutRule(layer + "attn.c_proj.bias", [attention + "output_dense/vars/1"]),
      ] + pair(layer + "ln_2", block + "_feedforward_layer_norm")
      + pair(layer + "mlp.c_fc", block + "_feedforward_intermediate_dense")
      + pair(layer + "mlp.c_proj", block + "_feedforward_output_dense")
      + pair("{body}ln_f", "{body}layers/layer_normalization")
  }()
}
