internal import CheckpointBytes

extension LayoutTable {
  /// `tf_model.h5` as Transformers 4.41 with TensorFlow 2.15 writes it, and as earlier versions did, which put the names
  /// of a whole model into a scope. Each name begins with its Keras layer. The decoder is never stored: it is tied.
  ///
  /// The same names without layer and scope are those of Transformers' shards and of its safetensors files (4.41,
  /// `modeling_tf_utils.py`, `tf_shard_checkpoint`, `format_weight_name`), and behind the names of other models those of a
  /// Keras model that holds the class as a layer. Keras 2.15 writes a third form (``kerasObjects(_:)``).
  static func tensorFlow(_ family: ModelFamily) -> [LayoutTable] {
    [TensorFlowForm.file, .names].map { table(family, $0) } + [kerasObjects(family)]
  }

  /// What stands before TensorFlow's names.
  private enum TensorFlowForm {
    /// The Keras layer, and a scope.
    case file
    /// Nothing, or the names of models.
    case names

    /// What stands before a name of a Keras layer of the model.
    func front(of layer: String) -> String {
      switch self {
      case .file: layer + "/{scope}"
      case .names: ""
      }
    }
  }

  private static func table(_ family: ModelFamily, _ form: TensorFlowForm) -> LayoutTable {
    let body = (family == .gpt2 ? "transformer" : family.rawValue)
    let front = form.front(of: body) + body + "/"
    let rules = family == .gpt2 ? gpt2Rules(front, form) : encoderRules(family, front, form)
    return LayoutTable(
      layout: .tensorFlow, family: family, rules: rules, heads: tensorFlowHeads(family),
      drops: [
        KnownExtra(front + "pooler/dense/(kernel|bias):0", "this head does not use the pooler")
      ],
      hasScopes: form == .file, wrapperEnd: UInt8(ascii: "/"))
  }

  /// The heads for which Transformers has a TensorFlow class; nil for all.
  static func tensorFlowHeads(_ family: ModelFamily) -> Set<ModelHead>? {
    family == .gpt2 ? [.base, .causalLM, .doubleHeads, .sequenceClassification] : nil
  }

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

  /// The embeddings stand under the body's layer, and in a file again under that of a language model's head.
  private static func encoderRules(
    _ family: ModelFamily, _ body: String, _ form: TensorFlowForm
  ) -> [LayoutRule] {
    let language =
      form.front(of: family == .bert ? "mlm___cls" : "lm_head") + family.rawValue + "/"
    func embedding(_ canonical: String, _ foreign: String) -> LayoutRule {
      LayoutRule(
        ["{body}embeddings." + canonical], [body + "embeddings/" + foreign],
        repeats: form == .file ? [language + "embeddings/" + foreign] : [])
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
    return rules + (family == .bert ? bertHeads(form) : robertaHeads(form)) + classifiers(form)
  }

  private static func bertHeads(_ form: TensorFlowForm) -> [LayoutRule] {
    let head = form.front(of: "mlm___cls") + "mlm___cls/predictions/"
    return [LayoutRule("cls.predictions.bias", head + "bias:0")]
      + dense("cls.predictions.transform.dense", head + "transform/dense")
      + norm("cls.predictions.transform.LayerNorm", head + "transform/LayerNorm")
      + dense(
        "cls.seq_relationship", form.front(of: "nsp___cls") + "nsp___cls/seq_relationship")
  }

  private static func robertaHeads(_ form: TensorFlowForm) -> [LayoutRule] {
    let head = form.front(of: "lm_head") + "lm_head/"
    let classifier = form.front(of: "classifier") + "classifier/"
    return [LayoutRule("lm_head.bias", head + "bias:0")]
      + dense("lm_head.dense", head + "dense") + norm("lm_head.layer_norm", head + "layer_norm")
      + dense("classifier.dense", classifier + "dense")
      + dense("classifier.out_proj", classifier + "out_proj")
  }

  private static func classifiers(_ form: TensorFlowForm) -> [LayoutRule] {
    ["classifier", "qa_outputs"].flatMap { dense($0, form.front(of: $0) + $0) }
  }

  /// GPT-2's Conv1D is `[in, out]` on both sides; its bias is a row.
  private static func gpt2Rules(_ body: String, _ form: TensorFlowForm) -> [LayoutRule] {
    let layer = "{body}h.{layer}."
    let block = body + "h_._{layer}/"
    func convolution(_ canonical: String, _ foreign: String, _ width: Extent) -> [LayoutRule] {
      LayoutRule.row(
        layer + canonical, block + foreign + "/weight:0", block + foreign + "/bias:0", width)
    }
    let choices = "multiple_choice_head"
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
      + dense(choices + ".summary", form.front(of: choices) + choices + "/summary")
      + [LayoutRule("score.weight", form.front(of: "score") + "score/kernel:0", .transposed)]
      + classifiers(form)
  }
}
