extension LayoutTable {
  /// `tf_model.h5` as Transformers 4.41 with TensorFlow 2.15 writes it, and as earlier versions did, which put the names
  /// of a whole model into a scope. Each name begins with its Keras layer. The decoder is never stored: it is tied.
  static func tensorFlowEncoder(_ family: ModelFamily) -> LayoutTable {
    let pooler = "\(family.rawValue)/{scope}\(family.rawValue)/pooler/dense/(kernel|bias):0"
    return LayoutTable(
      layout: .tensorFlow, family: family, rules: encoderRules(family),
      drops: [KnownExtra(pooler, "this head does not use the pooler")], hasScopes: true)
  }

  static let tensorFlowGPT2 = LayoutTable(
    layout: .tensorFlow, family: .gpt2, rules: gpt2Rules,
    heads: [.base, .causalLM, .doubleHeads, .sequenceClassification], hasScopes: true)

  /// What Keras makes of the model class's name: `tf_bert_for_masked_lm/`, `tfgpt2lm_head_model/`. It has to be there:
  /// Transformers 4.41 drops the first component of every name, whatever it is, so that names without a scope are all
  /// missing.
  static func tensorFlowScope(of head: ModelHead, in family: ModelFamily) -> String {
    let name = head.className(in: family) ?? ""
    let letters = Array(name.unicodeScalars)
    func isSmall(_ index: Int) -> Bool {
      letters.indices.contains(index) && letters[index].properties.isLowercase
    }
    var scope = "tf"
    for (index, letter) in letters.enumerated() {
      // A word begins at a capital with a small letter before or behind it.
      let begins = letter.properties.isUppercase && (isSmall(index - 1) || isSmall(index + 1))
      scope += (begins ? "_" : "") + letter.properties.lowercaseMapping
    }
    return scope + "/"
  }

  private static func dense(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.dense(canonical, foreign + "/kernel:0", foreign + "/bias:0")
  }

  private static func norm(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.pair(canonical, foreign + "/gamma:0", foreign + "/beta:0")
  }

  /// The embeddings stand under the body's layer, and again under that of a language model's head.
  private static func encoderRules(_ family: ModelFamily) -> [LayoutRule] {
    let name = family.rawValue
    let body = "\(name)/{scope}\(name)/"
    let language = family == .bert ? "mlm___cls/{scope}\(name)/" : "lm_head/{scope}\(name)/"
    func embedding(_ canonical: String, _ foreign: String) -> LayoutRule {
      LayoutRule(
        ["{body}embeddings." + canonical], [body + "embeddings/" + foreign],
        repeats: [language + "embeddings/" + foreign])
    }
    var rules = [
      embedding("word_embeddings.weight", "word_embeddings/(weight|embeddings):0"),
      embedding("position_embeddings.weight", "position_embeddings/(embeddings|weight):0"),
      embedding("token_type_embeddings.weight", "token_type_embeddings/(embeddings|weight):0"),
      embedding("LayerNorm.weight", "LayerNorm/gamma:0"),
      embedding("LayerNorm.bias", "LayerNorm/beta:0"),
    ]
    let layer = "{body}encoder.layer.{layer}."
    let block = body + "encoder/layer_._{layer}/"
    for part in ["query", "key", "value"] {
      rules += dense(layer + "attention.self." + part, block + "attention/self/" + part)
    }
    rules += dense(layer + "attention.output.dense", block + "attention/output/dense")
    rules += norm(layer + "attention.output.LayerNorm", block + "attention/output/LayerNorm")
    rules += dense(layer + "intermediate.dense", block + "intermediate/dense")
    rules += dense(layer + "output.dense", block + "output/dense")
    rules += norm(layer + "output.LayerNorm", block + "output/LayerNorm")
    rules += dense("{body}pooler.dense", body + "pooler/dense")
    return rules + (family == .bert ? tensorFlowBERTHeads : tensorFlowRoBERTaHeads)
      + tensorFlowClassifiers
  }

  private static let tensorFlowBERTHeads: [LayoutRule] = {
    let head = "mlm___cls/{scope}mlm___cls/predictions/"
    return [LayoutRule("cls.predictions.bias", head + "bias:0")]
      + dense("cls.predictions.transform.dense", head + "transform/dense")
      + norm("cls.predictions.transform.LayerNorm", head + "transform/LayerNorm")
      + dense("cls.seq_relationship", "nsp___cls/{scope}nsp___cls/seq_relationship")
  }()

  private static let tensorFlowRoBERTaHeads =
    [LayoutRule("lm_head.bias", "lm_head/{scope}lm_head/bias:0")]
    + dense("lm_head.dense", "lm_head/{scope}lm_head/dense")
    + norm("lm_head.layer_norm", "lm_head/{scope}lm_head/layer_norm")
    + dense("classifier.dense", "classifier/{scope}classifier/dense")
    + dense("classifier.out_proj", "classifier/{scope}classifier/out_proj")

  private static let tensorFlowClassifiers =
    dense("classifier", "classifier/{scope}classifier")
    + dense("qa_outputs", "qa_outputs/{scope}qa_outputs")

  /// GPT-2's Conv1D is `[in, out]` on both sides; its bias is a row.
  private static let gpt2Rules: [LayoutRule] = {
    let body = "transformer/{scope}transformer/"
    let layer = "{body}h.{layer}."
    let block = body + "h_._{layer}/"
    func convolution(_ canonical: String, _ foreign: String, _ width: Extent) -> [LayoutRule] {
      [
        LayoutRule(layer + canonical + ".weight", block + foreign + "/weight:0"),
        LayoutRule(
          layer + canonical + ".bias", block + foreign + "/bias:0",
          LayoutOperation(shape: [.fixed(1), width])),
      ]
    }
    return [
      LayoutRule("{body}wte.weight", body + "wte/(embeddings|weight):0"),
      LayoutRule("{body}wpe.weight", body + "wpe/(embeddings|weight):0"),
    ] + norm(layer + "ln_1", block + "ln_1")
      + convolution("attn.c_attn", "attn/c_attn", .tripleHidden)
      + convolution("attn.c_proj", "attn/c_proj", .hidden)
      + norm(layer + "ln_2", block + "ln_2")
      + convolution("mlp.c_fc", "mlp/c_fc", .intermediate)
      + convolution("mlp.c_proj", "mlp/c_proj", .hidden)
      + norm("{body}ln_f", body + "ln_f")
      + dense(
        "multiple_choice_head.summary",
        "multiple_choice_head/{scope}multiple_choice_head/summary")
      + [LayoutRule("score.weight", "score/{scope}score/kernel:0", .transposed)]
      + tensorFlowClassifiers
  }()
}
