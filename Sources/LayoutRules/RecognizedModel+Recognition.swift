public import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

extension RecognizedModel {
  /// Recognises a checkpoint from names and shapes; a stated family or head is a check, and decides where names cannot.
  ///
  /// - Throws: `notFound` if no layout's word embeddings are there; `inconsistent` if two models are, if the layers
  ///   cannot be counted, or if what is stated is not what is there; `mismatch`, naming the tensor, if two shapes
  ///   contradict each other.
  public init(
    _ graph: WeightGraph, family: ModelFamily? = nil, head: ModelHead? = nil
  ) throws(CheckpointError) {
    let shapes = graph.weights.mapValues(\.shape)
    let found = try Candidate.best(in: shapes, stated: family)
    let candidate = found.candidate
    let table = candidate.table
    guard family == nil || family == table.family else {
      throw refusal(
        .inconsistent, candidate.anchor,
        "the checkpoint is of family \(table.family), stated is \(family?.rawValue ?? "")")
    }
    var values = candidate.values
    var sizes = BoundExtents()
    let layers = candidate.layers(in: shapes)
    values.layer = layers.lowerBound
    let definition = table.family.definition
    try sizes.bind(definition.body + definition.pooler, table, values, shapes)
    for parameter in table.absent {
      if let zeros = parameter.zeros { sizes.assume(zeros, of: parameter.name) }
    }
    sizes.layers = layers.upperBound
    let heads = HeadMatch.all(table, values, shapes, sizes)
    guard let best = head.map({ wanted in heads.first { $0.head == wanted } }) ?? heads.first
    else {
      throw refusal(
        .inconsistent, candidate.anchor,
        "the parameters of \(head?.className(in: table.family) ?? "the stated head") are not there; "
          + "what is there fits \(heads.first?.head.className(in: table.family) ?? "nothing")")
    }
    let poolerThere = definition.pooler.contains {
      table.isPresent($0, values: values, in: shapes)
    }
    architecture = try ModelArchitecture(
      family: table.family, head: best.head, sizes: best.sizes.sizes(),
      hasPooler: poolerThere)
    layout = table.layout
    wrapper = values.wrapper
    alternatives =
      head != nil
      ? []
      : heads.filter { $0.head != best.head && $0.isLike(best) }.map(\.head)
    isFamilyLikelyOnly = found.isGuess && family == nil
    self.table = table
    self.values = values
  }
}

private func refusal(
  _ kind: FailureKind, _ tensor: ExactName?, _ problem: String
) -> CheckpointError {
  CheckpointError(kind, CheckpointError.Site(), tensor: tensor?.string, problem)
}

/// A place in a checkpoint at which a table's word embeddings lie.
private struct Candidate {
  let table: LayoutTable
  let values: TemplateValues
  let anchor: ExactName
  /// How many of the table's names are there, of layers the first only.
  let score: Int

  static func best(
    in shapes: OrderedDictionary<ExactName, Shape>, stated: ModelFamily?
  ) throws(CheckpointError) -> (candidate: Candidate, isGuess: Bool) {
    let all = Layout.allCases.flatMap { layout in
      ModelFamily.allCases.flatMap { family in
        LayoutTable.tables(layout, family).flatMap { candidates($0, shapes) }
      }
    }
    guard let first = all.first else {
      throw refusal(
        .notFound, nil, "no word embeddings of BERT, GPT-2 or RoBERTa in any known layout")
    }
    if let other = all.first(where: { $0.anchor != first.anchor }) {
      throw refusal(
        .inconsistent, other.anchor,
        "two models: the word embeddings of another lie at \(quoted(first.anchor.string))")
    }
    let fitting = all.filter { stated == nil || $0.table.family == stated }
    guard let top = fitting.max(by: { $0.score < $1.score }) else { return (first, false) }
    let equals = fitting.filter { $0.score == top.score }
    if equals.count < 2 { return (top, false) }
    // BERT's body and RoBERTa's have the same names; RoBERTa has one token type.
    let types = top.table.rules.first { $0.text.contains("token_type_embeddings.weight") }
    let rows = types?.foreign[0].names(top.values).lazy.compactMap { shapes[$0]?.dimensions.first }
      .first
    let family: ModelFamily = rows == 1 ? .roberta : .bert
    return (equals.first { $0.table.family == family } ?? top, true)
  }

  private static func candidates(
    _ table: LayoutTable, _ shapes: OrderedDictionary<ExactName, Shape>
  ) -> [Candidate] {
    var found: [Candidate] = []
    var bodies = [table.bodies.headed]
    if table.bodies.bare != table.bodies.headed { bodies.append(table.bodies.bare) }
    for name in shapes.keys {
      for body in bodies {
        var values = TemplateValues()
        values.body = body
        if table.hasScopes { values.scope = scope(of: name) }
        for anchor in table.rules[0].foreign[0].names(values) {
          guard let wrapper = wrapper(of: name, before: anchor) else { continue }
          // A longer prefix of the body is no wrapper, and a scoped name is whole.
          let isBody = ModelFamily.allCases.contains { wrapper.hasSuffix($0.bodyPrefix) }
          if isBody && body.isEmpty && !table.hasScopes && table.layout == .transformers {
            continue
          }
          if table.hasScopes && !wrapper.isEmpty { continue }
          values.wrapper = wrapper
          let score = table.rules.count { rule in
            rule.foreign.allSatisfy { $0.names(values).contains { shapes[$0] != nil } }
          }
          found.append(Candidate(table: table, values: values, anchor: name, score: score))
        }
      }
    }
    return found
  }

  /// `tf_bert_model_1/` of `bert/tf_bert_model_1/bert/…`.
  private static func scope(of name: ExactName) -> String {
    let parts = name.string.split(separator: "/", maxSplits: 2)
    return parts.count == 3 && parts[1].hasPrefix("tf") ? parts[1] + "/" : ""
  }

  /// What stands before a name's end; nil if it does not end so, or not at the border of a component.
  private static func wrapper(of name: ExactName, before end: ExactName) -> String? {
    let bytes = Array(name.string.utf8)
    let tail = Array(end.string.utf8)
    guard bytes.count >= tail.count, bytes.suffix(tail.count).elementsEqual(tail) else {
      return nil
    }
    let front = bytes.dropLast(tail.count)
    guard front.isEmpty || front.last == UInt8(ascii: ".") else { return nil }
    return String(validating: front, as: UTF8.self)
  }

  /// From the lowest layer that is there to one more than the highest. Those between that are not there are missing, and
  /// so are those before.
  func layers(in shapes: OrderedDictionary<ExactName, Shape>) -> Range<Int> {
    let rules = table.rules.filter(\.isPerLayer)
    var values = values
    func isThere(_ layer: Int) -> Bool {
      values.layer = layer
      return rules.contains { rule in
        rule.foreign.contains { $0.names(values).contains { shapes[$0] != nil } }
      }
    }
    let possible = 0..<min(shapes.count, ModelArchitecture.mostLayers)
    guard let last = possible.last(where: isThere), let first = possible.first(where: isThere)
    else { return 0..<0 }
    return first..<(last + 1)
  }
}
