internal import LayoutRules

extension LayoutTable {
  /// fairseq's RoBERTa (`fairseq/models/roberta/model.py` and its `upgrade_state_dict_named`). The first files have one
  /// packed matrix of query, key and value (`in_proj`), the later ones three. Independently of that the body was first
  /// called `decoder` and its norm `emb_layer_norm`. There are no token types.
  static let fairseq = [fairseq(isPacked: false), fairseq(isPacked: true)]

  private static func fairseq(isPacked: Bool) -> LayoutTable {
    let root = "(encoder|decoder)."
    let body = root + "sentence_encoder."
    let layer = "{body}encoder.layer.{layer}."
    let block = body + "layers.{layer}."
    func module(_ canonical: String, _ foreign: String) -> [LayoutRule] {
      LayoutRule.pair(canonical, foreign + ".weight", foreign + ".bias")
    }
    var rules = [
      LayoutRule("{body}embeddings.word_embeddings.weight", body + "embed_tokens.weight"),
      LayoutRule("{body}embeddings.position_embeddings.weight", body + "embed_positions.weight"),
    ]
    rules += module("{body}embeddings.LayerNorm", body + "(layernorm_embedding|emb_layer_norm)")
    let parts = ["query", "key", "value"].map { layer + "attention.self." + $0 }
    if isPacked {
      for leaf in ["weight", "bias"] {
        let names = parts.map { $0 + "." + leaf }
        rules.append(LayoutRule(names, [block + "self_attn.in_proj_" + leaf]))
      }
    } else {
      for (part, letter) in zip(parts, ["q", "k", "v"]) {
        rules += module(part, block + "self_attn.\(letter)_proj")
      }
    }
    rules += module(layer + "attention.output.dense", block + "self_attn.out_proj")
    rules += module(layer + "attention.output.LayerNorm", block + "self_attn_layer_norm")
    rules += module(layer + "intermediate.dense", block + "fc1")
    rules += module(layer + "output.dense", block + "fc2")
    rules += module(layer + "output.LayerNorm", block + "final_layer_norm")
    let head = root + "lm_head."
    rules += module("lm_head.dense", head + "dense")
    rules += module("lm_head.layer_norm", head + "layer_norm")
    // Stored beside the embeddings, and equal to them unless fairseq was told to untie them.
    rules += [
      LayoutRule("lm_head.decoder.weight", head + "weight"),
      LayoutRule("lm_head.bias", head + "bias"),
    ]
    rules += module("classifier.dense", "classification_heads.{task}.dense")
    rules += module("classifier.out_proj", "classification_heads.{task}.out_proj")
    let unused = "the language model's head: this model does not use it"
    return LayoutTable(
      layout: .fairseq, rules: rules,
      heads: [.base, .maskedLM, .causalLM, .sequenceClassification],
      taskHeads: [.sequenceClassification],
      absent: [.tokenTypes(of: "fairseq"), .pooler(of: "fairseq")],
      drops: [
        KnownExtra(body + "version", "fairseq's number of the form of the names"),
        KnownExtra(body + "embed_positions._float_tensor", "a buffer that says a type only"),
        KnownExtra(head + "(dense|layer_norm).(weight|bias)", unused),
        KnownExtra(head + "(weight|bias)", unused),
      ])
  }
}
