internal import CheckpointBytes

extension LayoutTable {
  /// The table with other rules.
  package func withRules(_ change: ([LayoutRule]) -> [LayoutRule]) -> LayoutTable {
    LayoutTable(
      layout: layout, rules: change(rules), heads: heads, taskHeads: taskHeads,
      needsPooler: needsPooler, absent: absent, drops: drops, surplus: surplus, bodies: bodies,
      isHeadedByBody: isHeadedByBody, hasScopes: hasScopes, wrapperEnd: wrapperEnd)
  }

  /// What is wrong with the table itself, each naming its rule: a rule that no parameter fits, a parameter that no rule
  /// places, two names that become one. For tests; a table without faults needs no checkpoint to be sure of that.
  package func faults(in family: ModelFamily) -> [String] {
    let definition = family.definition
    let heads = family.heads.filter { self.heads?.contains($0) ?? true }
    let known = Set(
      family.heads.flatMap { definition.parameters($0, hasPooler: true).map(\.name.text) })
    var faults: [String] = []
    for rule in rules {
      for name in rule.canonical where !known.contains(name.text) {
        faults.append("rule \(rule.text): \(name.text) is no parameter")
      }
      let counts = [rule.canonical.count, rule.foreign.count]
      if !counts.contains(1) || !counts.allSatisfy({ $0 == 1 || $0 == 3 }) {
        faults.append("rule \(rule.text): one weight is one, or query, key and value")
      }
      let names = rule.canonical + rule.places
      if names.contains(where: { $0.isPerLayer != rule.isPerLayer }) {
        faults.append("rule \(rule.text): the layer is on one side only")
      }
    }
    let placed = Set(rules.flatMap(\.canonical).map(\.text))
    let absent = Set(self.absent.flatMap { $0.name.alternatives })
    for name in absent where !known.contains(name) {
      faults.append("absent \(name): it is no parameter")
    }
    for head in heads {
      let hasPooler = head.usesPooler(in: family) || needsPooler
      for parameter in definition.parameters(head, hasPooler: hasPooler)
      where parameter.tiedTo == nil && !placed.contains(parameter.name.text)
        && !absent.contains(parameter.name.text)
      {
        faults.append("parameter \(parameter.name.text) of \(head): no rule places it")
      }
      if let clash = clash(head, family) { faults.append(clash) }
    }
    return faults
  }

  /// Two rules that claim one name, in a small model with this head.
  private func clash(_ head: ModelHead, _ family: ModelFamily) -> String? {
    let sizes = ModelSizes(
      hidden: 6, layers: 2, intermediate: 5, vocabulary: 7, positions: 4, tokenTypes: 1, labels: 3,
      heads: 3)
    var values = TemplateValues()
    values.body = head == .base ? bodies.bare : bodies.headed
    do throws(CheckpointError) {
      let model = try ModelArchitecture(family: family, head: head, sizes: sizes)
      _ = try placements(of: model, values)
      return nil
    } catch {
      return error.problem
    }
  }
}
