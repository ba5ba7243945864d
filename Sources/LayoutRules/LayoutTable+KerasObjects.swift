internal import CheckpointBytes

extension LayoutTable {
  /// The names that Keras 2.15 gives the weights of Transformers' TensorFlow classes (4.41) in `.weights.h5` and `.keras`.
  ///
  /// They are paths from object to object: Keras goes through a model's attributes in reverse alphabetical order, saves each
  /// object where it comes upon it first, and numbers the rest under `layers`, the last of the attributes that it looks into,
  /// by their classes (`keras/src/saving/saving_lib.py`, `_walk_trackable`, `_save_container_state`). So `mlm` and `roberta` are
  /// found by their own names, `bert` and `classifier` as `layers/tf_bert_main_layer` and `layers/dense`, and BERT's
  /// embeddings in a language model inside its head. A weight is its number in the order in which the layer made it.
  static func kerasObjects(_ family: ModelFamily) -> LayoutTable {
    let rules: [LayoutRule] =
      switch family {
      case .bert:
        encoder(
          "layers/tf_bert_main_layer/",
          embeddings: "(layers/tf_bert_main_layer/embeddings|mlm/predictions/input_embeddings)/",
          layer: "tf_bert_layer")
          + [LayoutRule("cls.predictions.bias", "mlm/predictions/vars/0")]
          + dense("cls.predictions.transform.dense", "mlm/predictions/transform/dense")
          + pair("cls.predictions.transform.LayerNorm", "mlm/predictions/transform/LayerNorm")
          + dense("cls.seq_relationship", "nsp/seq_relationship")
      case .roberta:
        encoder(
          "(roberta|layers/tf_roberta_main_layer)/",
          embeddings: "(roberta|layers/tf_roberta_main_layer)/embeddings/",
          layer: "tf_roberta_layer")
          + [LayoutRule("lm_head.bias", "lm_head/vars/0")] + dense("lm_head.dense", "lm_head/dense")
          + pair("lm_head.layer_norm", "lm_head/layer_norm")
          + dense("classifier.dense", "layers/tf_roberta_classification_head/dense")
          + dense("classifier.out_proj", "layers/tf_roberta_classification_head/out_proj")
      case .gpt2: decoder("(transformer|layers/tfgpt2_main_layer)/")
      }
    return LayoutTable(
      layout: .tensorFlow, family: family,
      rules: rules + dense("classifier", "layers/dense") + dense("qa_outputs", "qa_outputs"),
      heads: tensorFlowHeads(family),
      drops: [
        KnownExtra(
          "(layers/tf_bert_main_layer|roberta|layers/tf_roberta_main_layer)/pooler/dense/vars/(0|1)",
          "this head does not use the pooler")
      ],
      wrapperEnd: UInt8(ascii: "/"))
  }

  private static func encoder(
    _ body: String, embeddings: String, layer name: String
  ) -> [LayoutRule] {
    // In the order in which `TFBertEmbeddings.build` makes them.
    var rules = ["word_embeddings", "token_type_embeddings", "position_embeddings"].enumerated()
      .map { number, part in
        LayoutRule("{body}embeddings.\(part).weight", embeddings + "vars/\(number)")
      }
    rules += pair("{body}embeddings.LayerNorm", embeddings + "LayerNorm")
    let layer = "{body}encoder.layer.{layer}."
    let block = body + "encoder/layer/\(name){_layer}/"
    for part in ["query", "key", "value"] {
      rules += dense(layer + "attention.self." + part, block + "attention/self_attention/" + part)
    }
    // RoBERTa's layers have BERT's attribute names, `bert_output` among them.
    rules += dense(layer + "attention.output.dense", block + "attention/dense_output/dense")
    rules += pair(layer + "attention.output.LayerNorm", block + "attention/dense_output/LayerNorm")
    rules += dense(layer + "intermediate.dense", block + "intermediate/dense")
    rules += dense(layer + "output.dense", block + "bert_output/dense")
    rules += pair(layer + "output.LayerNorm", block + "bert_output/LayerNorm")
    return rules + dense("{body}pooler.dense", body + "pooler/dense")
  }

  private static func decoder(_ body: String) -> [LayoutRule] {
    let layer = "{body}h.{layer}."
    let block = body + "h/tf_block{_layer}/"
    func convolution(_ canonical: String, _ foreign: String, _ width: Extent) -> [LayoutRule] {
      LayoutRule.row(
        layer + canonical, block + foreign + "/vars/0", block + foreign + "/vars/1", width)
    }
    return [
      LayoutRule("{body}wte.weight", body + "wte/vars/0"),
      LayoutRule("{body}wpe.weight", body + "wpe/vars/0"),
    ] + pair(layer + "ln_1", block + "ln_1")
      + convolution("attn.c_attn", "attn/c_attn", .tripleHidden)
      + convolution("attn.c_proj", "attn/c_proj", .hidden)
      + pair(layer + "ln_2", block + "ln_2")
      + convolution("mlp.c_fc", "mlp/c_fc", .intermediate)
      + convolution("mlp.c_proj", "mlp/c_proj", .hidden)
      + pair("{body}ln_f", body + "ln_f")
      + dense("multiple_choice_head.summary", "multiple_choice_head/summary")
      + [LayoutRule("score.weight", "score/vars/0", .transposed)]
  }

  private static func dense(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.dense(canonical, foreign + "/vars/0", foreign + "/vars/1")
  }

  private static func pair(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.pair(canonical, foreign + "/vars/0", foreign + "/vars/1")
  }
}
