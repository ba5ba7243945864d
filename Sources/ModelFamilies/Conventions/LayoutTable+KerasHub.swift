internal import LayoutRules

// KerasHub's `.weights.h5` (0.32): a backbone alone, or inside a task. Heads are an axis of their own, so that writing
// needs their number. A task always nests its backbone; what lies at the top beside it is the task's own.

/// How KerasHub puts an encoder together.
struct KerasHubEncoder {
  /// The name of the backbone inside a task: `bert_backbone`.
  var backbone: String
  /// What holds both the word and the position embeddings; nil if each is a layer of the backbone.
  var embeddings: String?
  /// True if the backbone has a pooler always.
  var hasPooler = false
  /// Why the backbone's pooler is none of the family's; nil if it is, or there is none.
  var poolerIsSurplus: String?
  /// The parameters of a classifier, in the order of their layers.
  var classifier: [String] = []
  /// What Transformers has and this not.
  var absent: [AbsentParameter] = []
}

extension LayoutTable {
  /// The table of an encoder.
  ///
  /// BERT's backbone always has a pooler, which Transformers' masked language model lacks: such a task is read, and
  /// written from a model of pre-training.
  static func kerasHub(
    _ family: FamilyDescription, _ encoder: EncoderDescription, _ form: KerasHubEncoder
  ) -> LayoutTable {
    let body = "{body}"
    var rules: [LayoutRule] = []
    let inner = form.embeddings.map { body + "layers/\($0)/" }
    rules.append(
      LayoutRule(
        body + encoder.words + ".weight",
        (inner.map { $0 + "token_embedding" } ?? body + "layers/reversible_embedding") + "/vars/0"))
    rules.append(
      LayoutRule(
        body + encoder.positions + ".weight",
        (inner ?? body + "layers/") + "position_embedding/vars/0", positions(of: encoder)))
    if let types = encoder.tokenTypes, inner == nil {
      rules.append(LayoutRule(body + types + ".weight", body + "layers/embedding/vars/0"))
    }
    rules += layers(of: encoder)
    if let projection = encoder.projection {
      rules += dense(body + projection, body + "layers/dense")
    }
    if form.hasPooler, let pooler = encoder.pooler {
      rules += dense(body + pooler, body + "layers/dense")
    }
    rules += languageModel(family)
    for (number, name) in form.classifier.enumerated() {
      rules += dense(name, "layers/dense" + (number == 0 ? "" : "_\(number)"))
    }
    var heads = Set(family.heads.filter { $0.value.kerasHubTask != nil }.keys).union([.base])
    if heads.contains(.maskedLM), family.heads[.preTraining] != nil { heads.insert(.preTraining) }
    // Layers of one class are numbered, and the map of the embeddings is made before the pooler.
    let pooler = body + "layers/" + (encoder.projection == nil ? "dense" : "(dense|dense_1)")
    let reason = form.hasPooler ? "this head does not use the pooler" : form.poolerIsSurplus
    return LayoutTable(
      layout: .kerasHub, rules: rules, heads: heads, needsPooler: form.hasPooler,
      absent: form.absent,
      drops: reason.map { [KnownExtra(pooler + "/vars/(0|1)", $0)] } ?? [],
      surplus: form.poolerIsSurplus.map { reason in
        [
          SurplusWeight(
            "pooler.dense.weight", pooler + "/vars/0", [.hidden, .hidden],
            reason + ": zeros are written, and pooled_output is zeros"),
          SurplusWeight(
            "pooler.dense.bias", pooler + "/vars/1", [.hidden],
            reason + ": zeros are written, and pooled_output is zeros"),
        ]
      } ?? [],
      bodies: ("layers/\(form.backbone)/", ""), isHeadedByBody: true)
  }

  private static func positions(of encoder: EncoderDescription) -> LayoutOperation {
    guard encoder.positionRule == .afterPadding else { return .same }
    return LayoutOperation(
      shape: [.usedPositions, .hidden],
      absentRows: AbsentRows(
        count: ModelSizes.unusedPositions,
        reason:
          "KerasHub counts positions from 0: Transformers' row 0 is never used, row 1 is for padding"
      ))
  }

  /// The table of a decoder.
  static func kerasHub(
    _ family: FamilyDescription, _ decoder: DecoderDescription, backbone: String
  ) -> LayoutTable {
    let layer = "{body}" + decoder.layers + ".{layer}."
    let block = "{body}layers/transformer_decoder{_layer}/"
    let attention = block + "_self_attention_layer/"
    let parts = ["query", "key", "value"].map { attention + $0 + "_dense/vars/" }
    let rules =
      [
        LayoutRule(
          "{body}\(decoder.words).weight", "{body}layers/reversible_embedding/vars/0"),
        LayoutRule(
          "{body}\(decoder.positions).weight", "{body}layers/position_embedding/vars/0"),
      ] + pair(layer + decoder.attentionNorm, block + "_self_attention_layer_norm")
      + [
        LayoutRule(
          [layer + decoder.queryKeyValue + ".weight"], parts.map { $0 + "0" },
          LayoutOperation(axis: 1, shape: [.hidden, .heads, .headSize])),
        LayoutRule(
          [layer + decoder.queryKeyValue + ".bias"], parts.map { $0 + "1" },
          LayoutOperation(shape: [.heads, .headSize])),
        LayoutRule(
          layer + decoder.attentionDense + ".weight", attention + "output_dense/vars/0",
          LayoutOperation(shape: [.heads, .headSize, .hidden])),
        LayoutRule(
          layer + decoder.attentionDense + ".bias", attention + "output_dense/vars/1"),
      ] + pair(layer + decoder.outputNorm, block + "_feedforward_layer_norm")
      + pair(layer + decoder.intermediate, block + "_feedforward_intermediate_dense")
      + pair(layer + decoder.output, block + "_feedforward_output_dense")
      + pair("{body}" + decoder.finalNorm, "{body}layers/layer_normalization")
    let heads = Set(family.heads.filter { $0.value.kerasHubTask != nil }.keys)
    return LayoutTable(
      layout: .kerasHub, rules: rules, heads: heads.union([.base]),
      bodies: ("layers/\(backbone)/", ""), isHeadedByBody: true)
  }

  private static func dense(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.dense(canonical, foreign + "/vars/0", foreign + "/vars/1")
  }

  private static func pair(_ canonical: String, _ foreign: String) -> [LayoutRule] {
    LayoutRule.pair(canonical, foreign + "/vars/0", foreign + "/vars/1")
  }

  /// The embeddings' norm and the layers.
  private static func layers(of encoder: EncoderDescription) -> [LayoutRule] {
    let layer = "{body}" + encoder.layers + ".{layer}."
    let block = "{body}layers/transformer_encoder{_layer}/"
    let attention = block + "_self_attention_layer/"
    var rules = pair("{body}" + encoder.norm, "{body}layers/layer_normalization")
    for (part, name) in [(encoder.query, "query"), (encoder.key, "key"), (encoder.value, "value")] {
      let foreign = attention + name + "_dense/vars/"
      rules += [
        LayoutRule(
          layer + part + ".weight", foreign + "0",
          LayoutOperation(isTransposed: true, shape: [.hidden, .heads, .headSize])),
        LayoutRule(
          layer + part + ".bias", foreign + "1", LayoutOperation(shape: [.heads, .headSize])),
      ]
    }
    rules += [
      LayoutRule(
        layer + encoder.attentionDense + ".weight", attention + "output_dense/vars/0",
        LayoutOperation(isTransposed: true, shape: [.heads, .headSize, .hidden])),
      LayoutRule(layer + encoder.attentionDense + ".bias", attention + "output_dense/vars/1"),
    ]
    rules += pair(layer + encoder.attentionNorm, block + "_self_attention_layer_norm")
    rules += dense(layer + encoder.intermediate, block + "_feedforward_intermediate_dense")
    rules += dense(layer + encoder.output, block + "_feedforward_output_dense")
    return rules + pair(layer + encoder.outputNorm, block + "_feedforward_layer_norm")
  }

  /// The head of a masked language model; its matrix is the word embeddings.
  private static func languageModel(_ family: FamilyDescription) -> [LayoutRule] {
    let head = "layers/masked_lm_head/"
    return family.headModules(.maskedLM).flatMap { module -> [LayoutRule] in
      switch module.kind {
      case .vector: [LayoutRule(module.name, head + "vars/0")]
      case .scores(_, _, .own): [LayoutRule(module.name + ".bias", head + "vars/0")]
      case .linear: dense(module.name, head + "_intermediate_dense")
      case .norm: pair(module.name, head + "_intermediate_layer_norm")
      default: []
      }
    }
  }
}

extension AbsentParameter {
  /// RoBERTa has one token type, which is added to every token: only as zeros, which is to add none, it changes nothing,
  /// and as zeros Transformers' own conversion adds it (`convert_roberta_original_pytorch_checkpoint_to_pytorch.py`, 4.41).
  static func tokenTypes(of program: String) -> AbsentParameter {
    AbsentParameter(
      "{body}embeddings.token_type_embeddings.weight", "\(program)'s RoBERTa has no token types",
      zeros: [.tokenTypes: 1])
  }

  /// RoBERTa's heads take the first token as it is.
  static func pooler(of program: String) -> AbsentParameter {
    AbsentParameter(
      "{body}pooler.dense.(weight|bias)", "\(program)'s RoBERTa has no pooler")
  }
}
