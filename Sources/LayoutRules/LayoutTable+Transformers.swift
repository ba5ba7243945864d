extension LayoutTable {
  /// Transformers' own names, with and without the body's prefix; the first BERT files said gamma and beta inside
  /// LayerNorm, and nowhere else.
  static func transformers(_ family: ModelFamily) -> LayoutTable {
    var seen: Set<String> = []
    var rules: [LayoutRule] = []
    for head in family.heads {
      let templates = ParameterTemplate.all(
        family, head, hasPooler: head.usesPooler(in: family))
      for name in templates.map(\.name.text) where seen.insert(name).inserted {
        var foreign = name
        if name.hasSuffix("LayerNorm.weight") { foreign = name.dropLast(6) + "(weight|gamma)" }
        if name.hasSuffix("LayerNorm.bias") { foreign = name.dropLast(4) + "(bias|beta)" }
        rules.append(LayoutRule(name, [foreign]))
      }
    }
    return LayoutTable(
      layout: .transformers, family: family, rules: rules, drops: transformersDrops,
      bodies: (family.bodyPrefix, ""))
  }

  /// What Transformers has written beside the parameters over the years.
  private static let transformersDrops = [
    KnownAbsence("{body}embeddings.position_ids", "a buffer: 0, 1, 2…"),
    KnownAbsence("{body}embeddings.token_type_ids", "a buffer of zeros"),
    KnownAbsence("{body}pooler.dense.(weight|bias)", "this head does not use the pooler"),
    KnownAbsence("{body}h.{layer}.attn.bias", "a buffer: the causal mask"),
    KnownAbsence("{body}h.{layer}.attn.masked_bias", "a buffer: the constant of the causal mask"),
    KnownAbsence("{body}h.{layer}.crossattention.bias", "a buffer: the causal mask"),
    KnownAbsence(
      "{body}h.{layer}.crossattention.masked_bias", "a buffer: the constant of the causal mask"),
  ]
}
