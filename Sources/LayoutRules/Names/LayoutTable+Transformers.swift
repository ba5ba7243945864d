extension LayoutTable {
  /// Transformers' own names, with and without the body's prefix; the first BERT files said gamma and beta inside
  /// LayerNorm, and nowhere else.
  static func transformers(_ family: FamilyDescription) -> LayoutTable {
    let own = ModelHead.allCases.flatMap(family.ownParameters)
    let all = family.bodyParameters + family.poolerParameters + own
    var seen: Set<String> = []
    let rules = all.map(\.name.text).filter { seen.insert($0).inserted }.map { name in
      if name.hasSuffix("LayerNorm.weight") {
        return LayoutRule(name, name.dropLast(6) + "(weight|gamma)")
      }
      if name.hasSuffix("LayerNorm.bias") {
        return LayoutRule(name, name.dropLast(4) + "(bias|beta)")
      }
      return LayoutRule(name, name)
    }
    return LayoutTable(
      layout: .transformers, rules: rules, drops: transformersDrops,
      bodies: (family.bodyPrefix, ""))
  }

  /// What Transformers has written beside the parameters over the years.
  private static let transformersDrops = [
    KnownExtra("{body}embeddings.position_ids", "a buffer: 0, 1, 2…"),
    KnownExtra("{body}embeddings.token_type_ids", "a buffer of zeros"),
    KnownExtra("{body}pooler.dense.(weight|bias)", "this head does not use the pooler"),
    KnownExtra("{body}h.{layer}.attn.bias", "a buffer: the causal mask"),
    KnownExtra("{body}h.{layer}.attn.masked_bias", "a buffer: the constant of the causal mask"),
    KnownExtra("{body}h.{layer}.crossattention.bias", "a buffer: the causal mask"),
    KnownExtra(
      "{body}h.{layer}.crossattention.masked_bias", "a buffer: the constant of the causal mask"),
  ]
}
