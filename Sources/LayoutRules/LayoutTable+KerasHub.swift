extension LayoutTable {
  // KerasHub's `.weights.h5` (0.32): a backbone alone, or inside a task. Heads are an axis of their own, so that writing
  // needs their number. A task always nests its backbone; what lies at the top beside it is the task's own.

  /// BERT's backbone always has a pooler, which Transformers' masked language model lacks: such a task is read, and
  /// written from a model of pre-training.
  static let kerasHubBERT: LayoutTable = {
    let embeddings = [
      ("word_embeddings", "reversible_embedding"), ("position_embeddings", "position_embedding"),
      ("token_type_embeddings", "embedding"),
    ]
    let rules = embeddings.map { canonical, foreign in
      LayoutRule("{body}embeddings.\(canonical).weight", "{body}layers/\(foreign)/vars/0")
    }
    return LayoutTable(
      layout: .kerasHub, family: .bert,
      rules: rules + encoder + dense("{body}pooler.dense", "{body}layers/dense")
        + languageModel(
          bias: "cls.predictions.bias", dense: "cls.predictions.transform.dense",
          norm: "cls.predictions.transform.LayerNorm") + dense("classifier", "layers/dense"),
      heads: [.base, .maskedLM, .preTraining, .sequenceClassification], needsPooler: true,
      absent: [
        AbsentParameter(
          "cls.seq_relationship.(weight|bias)", "KerasHub's BertMaskedLM judges no next sentence")
      ],
      drops: [KnownExtra("{body}layers/dense/vars/(0|1)", "this head does not use the pooler")],
      bodies: ("layers/bert_backbone/", ""), isHeadedByBody: true)
  }()

  /// RoBERTa's backbone has neither pooler nor token types, and of the positions only those that tokens have.
  static let kerasHubRoBERTa: LayoutTable = {
    let embeddings = "{body}layers/token_and_position_embedding/"
    let positions = LayoutOperation(
      shape: [.usedPositions, .hidden],
      absentRows: AbsentRows(
        count: ModelSizes.unusedPositions,
        reason:
          "KerasHub counts positions from 0: Transformers' row 0 is never used, row 1 is for padding"
      ))
    return LayoutTable(
      layout: .kerasHub, family: .roberta,
      rules: [
        LayoutRule(
          "{body}embeddings.word_embeddings.weight", embeddings + "token_embedding/vars/0"),
        LayoutRule(
          "{body}embeddings.position_embeddings.weight", embeddings + "position_embedding/vars/0",
          positions),
      ] + encoder
        + languageModel(bias: "lm_head.bias", dense: "lm_head.dense", norm: "lm_head.layer_norm")
        + dense("classifier.dense", "layers/dense")
        + dense("classifier.out_proj", "layers/dense_1"),
      heads: [.base, .maskedLM, .sequenceClassification],
      absent: [.tokenTypes(of: "KerasHub"), .pooler(of: "KerasHub")],
      bodies: ("layers/roberta_backbone/", ""), isHeadedByBody: true)
  }()

  static let kerasHubGPT2: LayoutTable = {
    let layer = "{body}h.{layer}."
    let block = "{body}layers/transformer_decoder{_layer}/"
    let attention = block + "_self_attention_layer/"
    let parts = ["query", "key", "value"].map { attention + $0 + "_dense/vars/" }
    let rules =
      [
        LayoutRule("{body}wte.weight", "{body}layers/reversible_embedding/vars/0"),
        LayoutRule("{body}wpe.weight", "{body}layers/position_embedding/vars/0"),
      ] + pair(layer + "ln_1", block + "_self_attention_layer_norm")
      + [
        LayoutRule(
          [layer + "attn.c_attn.weight"], parts.map { $0 + "0" },
          LayoutOperation(axis: 1, shape: [.hidden, .heads, .headSize])),
        LayoutRule(
          [layer + "attn.c_attn.bias"], parts.map { $0 + "1" },
          LayoutOperation(shape: [.heads, .headSize])),
        LayoutRule(
          layer + "attn.c_proj.weight", attention + "output_dense/vars/0",
          LayoutOperation(shape: [.heads, .headSize, .hidden])),
        LayoutRule(layer + "attn.c_proj.bias", attention + "output_dense/vars/1"),
      ] + pair(layer + "ln_2", block + "_feedforward_layer_norm")
      + pair(layer + "mlp.c_fc", block + "_feedforward_intermediate_dense")
      + pair(layer + "mlp.c_proj", block + "_feedforward_output_dense")
      + pair("{body}ln_f", "{body}layers/layer_normalization")
    return LayoutTable(
      layout: .kerasHub, family: .gpt2, rules: rules, heads: [.base, .causalLM],
      bodies: ("layers/gpt2_backbone/", ""), isHeadedByBody: true)
  }()

  private static func dense(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.dense(canonical, foreign + "/vars/0", foreign + "/vars/1")
  }

  private static func pair(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.pair(canonical, foreign + "/vars/0", foreign + "/vars/1")
  }

  /// The embeddings' norm and the layers, of BERT and RoBERTa alike.
  private static let encoder: [LayoutRule] = {
    let layer = "{body}encoder.layer.{layer}."
    let block = "{body}layers/transformer_encoder{_layer}/"
    let attention = block + "_self_attention_layer/"
    var rules = pair("{body}embeddings.LayerNorm", "{body}layers/layer_normalization")
    for part in ["query", "key", "value"] {
      let canonical = layer + "attention.self." + part
      let foreign = attention + part + "_dense/vars/"
      rules += [
        LayoutRule(
          canonical + ".weight", foreign + "0",
          LayoutOperation(isTransposed: true, shape: [.hidden, .heads, .headSize])),
        LayoutRule(
          canonical + ".bias", foreign + "1", LayoutOperation(shape: [.heads, .headSize])),
      ]
    }
    rules += [
      LayoutRule(
        layer + "attention.output.dense.weight", attention + "output_dense/vars/0",
        LayoutOperation(isTransposed: true, shape: [.heads, .headSize, .hidden])),
      LayoutRule(layer + "attention.output.dense.bias", attention + "output_dense/vars/1"),
    ]
    rules += pair(layer + "attention.output.LayerNorm", block + "_self_attention_layer_norm")
    rules += dense(layer + "intermediate.dense", block + "_feedforward_intermediate_dense")
    rules += dense(layer + "output.dense", block + "_feedforward_output_dense")
    return rules + pair(layer + "output.LayerNorm", block + "_feedforward_layer_norm")
  }()

  /// The head of a masked language model; its matrix is the word embeddings.
  private static func languageModel(
    bias: String, dense transform: String, norm: String
  ) -> [LayoutRule] {
    let head = "layers/masked_lm_head/"
    return [LayoutRule(bias, head + "vars/0")] + dense(transform, head + "_intermediate_dense")
      + pair(norm, head + "_intermediate_layer_norm")
  }
}
