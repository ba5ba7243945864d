internal import LayoutRules

extension LayoutTable {
  /// The names of Google's BERT, as its TensorFlow 1 checkpoints have them (`modeling.py`, `run_classifier.py`,
  /// `run_squad.py`): kernels transposed, the matrices of the heads not.
  static let google: LayoutTable = {
    let layer = "{body}encoder.layer.{layer}."
    let block = "bert/encoder/layer_{layer}/"
    func dense(_ canonical: String, _ foreign: String) -> [LayoutRule] {
      LayoutRule.dense(canonical, foreign + "/kernel", foreign + "/bias")
    }
    func norm(_ canonical: String, _ foreign: String) -> [LayoutRule] {
      LayoutRule.pair(canonical, foreign + "/gamma", foreign + "/beta")
    }
    var rules = ["word_embeddings", "position_embeddings", "token_type_embeddings"].map { name in
      LayoutRule("{body}embeddings.\(name).weight", "bert/embeddings/" + name)
    }
    rules += norm("{body}embeddings.LayerNorm", "bert/embeddings/LayerNorm")
    for part in ["query", "key", "value"] {
      rules += dense(layer + "attention.self." + part, block + "attention/self/" + part)
    }
    rules += dense(layer + "attention.output.dense", block + "attention/output/dense")
    rules += norm(layer + "attention.output.LayerNorm", block + "attention/output/LayerNorm")
    rules += dense(layer + "intermediate.dense", block + "intermediate/dense")
    rules += dense(layer + "output.dense", block + "output/dense")
    rules += norm(layer + "output.LayerNorm", block + "output/LayerNorm")
    rules += dense("{body}pooler.dense", "bert/pooler/dense")
    rules += [LayoutRule("cls.predictions.bias", "cls/predictions/output_bias")]
    rules += dense("cls.predictions.transform.dense", "cls/predictions/transform/dense")
    rules += norm("cls.predictions.transform.LayerNorm", "cls/predictions/transform/LayerNorm")
    for (canonical, foreign) in [
      ("cls.seq_relationship", "cls/seq_relationship/"), ("classifier", ""),
      ("qa_outputs", "cls/squad/"),
    ] {
      rules += LayoutRule.pair(canonical, foreign + "output_weights", foreign + "output_bias")
    }
    return LayoutTable(
      layout: .google, rules: rules,
      heads: [
        .base, .maskedLM, .preTraining, .nextSentence, .sequenceClassification, .questionAnswering,
      ],
      drops: [
        KnownExtra("global_step", "the number of training steps"),
        KnownExtra("*/(adam_m|adam_v)", "the state of the optimizer"),
        KnownExtra("(output_weights|output_bias)/(adam_m|adam_v)", "the state of the optimizer"),
        KnownExtra("bert/pooler/dense/(kernel|bias)", "this head does not use the pooler"),
      ])
  }()
}
