internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues

/// A place in a checkpoint at which a table's word embeddings lie.
struct RecognitionCandidate {
  let family: ModelFamily
  let table: LayoutTable
  let values: TemplateValues
  /// The name of the word embeddings.
  let anchor: ExactName
  /// How many names the table's rules find, of layers those of the first only.
  let score: Int

  /// Every table that fits the one place at which word embeddings lie.
  ///
  /// - Throws: `notFound` if there is none, `inconsistent` if there are two.
  static func all(
    _ families: FamilyList, in shapes: OrderedDictionary<ExactName, Shape>
  ) throws(CheckpointError) -> [RecognitionCandidate] {
    let found = try fitting(families, shapes)
    if found.contains(where: \.explainsLayer) { return found }
    // A variant's layers may be called otherwise where its embeddings are not.
    let most = found.map(\.score).max() ?? 0
    let variants = try fitting(families.variants, shapes).filter { $0.score > most }
    if !variants.isEmpty { return variants }
    if found.isEmpty { throw withoutAnchor(families, shapes) }
    return found
  }

  /// True if so many names are found that a layer's are among them.
  private var explainsLayer: Bool { score >= table.rules.count(where: \.isPerLayer) }

  private static func fitting(
    _ families: FamilyList, _ shapes: OrderedDictionary<ExactName, Shape>
  ) throws(CheckpointError) -> [RecognitionCandidate] {
    var found: [RecognitionCandidate] = []
    var anchors: Set<ExactName> = []
    for name in shapes.keys where !families.anchorEnds.numbers(of: name).isEmpty {
      // An optimizer's states have the names of what they are of.
      if TrainingState.reason(for: name) != nil { continue }
      let fitting = families.tables.flatMap { family, table in
        candidates(family, table, name, shapes, families)
      }
      if !fitting.isEmpty { anchors.insert(name) }
      found += fitting
      // One may be repeated in two places; more are more than one model.
      if anchors.count > 3 { break }
    }
    let repeats = Set(
      found.flatMap { candidate in
        let rule = candidate.table.rules[0]
        return (rule.repeats + rule.echoes).flatMap { $0.names(candidate.values) }
      })
    found.removeAll { repeats.contains($0.anchor) }
    if let first = found.first, let other = found.first(where: { $0.anchor != first.anchor }) {
      let found = [first.family, other.family]
      throw CheckpointError(
        .inconsistent, tensor: other.anchor.string,
        (found[0] == found[1]
          ? "two models of family \(found[0])" : "two families, \(found[0]) and \(found[1])")
          + ": word embeddings lie at \(quoted(first.anchor.string)) too",
        remedy: "take the names of one of them only")
    }
    return found
  }

  /// The one that explains most names; and the family that would explain as many, if only sizes decided.
  static func best(
    of candidates: [RecognitionCandidate], stated: ModelFamily?,
    _ shapes: OrderedDictionary<ExactName, Shape>
  ) -> (RecognitionCandidate, rival: ModelFamily?) {
    var fitting = candidates.filter { stated == nil || $0.family == stated }
    if Set(fitting.map(\.family)).count > 1 {
      // Where shapes contradict a family, they are another's.
      let agreeing = fitting.filter { (try? $0.sizes(in: shapes)) != nil }
      if !agreeing.isEmpty { fitting = agreeing }
    }
    guard let top = fitting.max(by: { $0.score < $1.score }) else { return (candidates[0], nil) }
    let equals = fitting.filter { $0.score == top.score }
    guard let other = equals.first(where: { $0.family != top.family }) else {
      return (top, nil)
    }
    for candidate in equals {
      let usualSizes = candidate.family.definition.usualSizes
      guard !usualSizes.isEmpty, let found = try? candidate.sizes(in: shapes) else { continue }
      if usualSizes.allSatisfy({ found.value(of: $0.key) == $0.value }) {
        return (candidate, equals.first { $0.family != candidate.family }?.family)
      }
    }
    let plain = equals.first { $0.family.definition.usualSizes.isEmpty } ?? top
    return (plain, plain.family == other.family ? top.family : other.family)
  }

  /// The sizes that the body's shapes show, of layers those of the first.
  ///
  /// - Throws: `mismatch` if they contradict each other.
  private func sizes(
    in shapes: OrderedDictionary<ExactName, Shape>
  ) throws(CheckpointError) -> ModelSizes {
    var sizes = BoundExtents()
    try sizes.bind(family.definition.bodyParameters, table, values, shapes)
    sizes.assumeAbsent(of: table)
    return sizes.sizes()
  }

  private static func candidates(
    _ family: ModelFamily, _ table: LayoutTable, _ name: ExactName,
    _ shapes: OrderedDictionary<ExactName, Shape>, _ families: FamilyList
  ) -> [RecognitionCandidate] {
    var bodies = [table.bodies.headed]
    if table.bodies.bare != table.bodies.headed { bodies.append(table.bodies.bare) }
    var found: [RecognitionCandidate] = []
    for body in bodies {
      var values = TemplateValues()
      values.body = body
      let template = table.rules[0].foreign[0]
      if table.hasScopes {
        guard let scope = scope(of: name, template, values) else { continue }
        values.scope = scope
      }
      for anchor in template.names(values) {
        guard let wrapper = name.wrapper(before: anchor, endingIn: table.wrapperEnd) else {
          continue
        }
        // The body's own prefix is no wrapper, and a scoped name is whole.
        let isBody = families.families.contains { wrapper.hasSuffix($0.bodyPrefix) }
        if isBody && body.isEmpty && table.layout == .transformers { continue }
        if table.hasScopes && !wrapper.isEmpty { continue }
        values.wrapper = wrapper
        // A name counts once, however many heads have it.
        let names = Set(
          table.rules.flatMap { rule -> [ExactName] in
            let names = rule.foreign.compactMap { $0.names(values).first { shapes[$0] != nil } }
            return names.count == rule.foreign.count ? names : []
          })
        found.append(
          RecognitionCandidate(
            family: family, table: table, values: values, anchor: name, score: names.count))
      }
    }
    return found
  }

  /// `tf_bert_model_1/` of `bert/tf_bert_model_1/bert/…`; nil if the name is none of the template's, whatever the scope.
  private static func scope(
    of name: ExactName, _ template: NameTemplate, _ values: TemplateValues
  ) -> String? {
    guard let place = template.around("scope", values) else { return nil }
    let bytes = name.string.utf8
    for before in place.before where bytes.starts(with: before.utf8) {
      for after in place.after where name.hasSuffix(after) {
        let count = bytes.count - before.utf8.count - after.utf8.count
        guard count >= 0 else { continue }
        let scope = bytes.dropFirst(before.utf8.count).prefix(count)
        if scope.isEmpty || scope.last == UInt8(ascii: "/") { return String(Substring(scope)) }
      }
    }
    return nil
  }
}

extension ExactName {
  /// What stands before a name's end; nil if it does not end so, or not at the border of a component.
  func wrapper(before end: ExactName, endingIn border: UInt8) -> String? {
    guard hasSuffix(end.string) else { return nil }
    let front = string.utf8.dropLast(end.byteCount)
    guard front.isEmpty || front.last == border else { return nil }
    return String(Substring(front))
  }
}
