internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues

extension RecognitionCandidate {
  /// The layers whose names are there.
  func layers(in shapes: OrderedDictionary<ExactName, Shape>) -> LayerNumbers {
    var numbers: Set<Int> = []
    let templates = Set(table.rules.flatMap(\.foreign).filter(\.isPerLayer))
    let places = templates.compactMap { $0.around("layer", values) }
    let starts = Set(places.flatMap(\.before)).sorted()
    let ends = Set(places.flatMap(\.after).map { ExactName($0) })
    let isKeras = places.contains(where: \.isKeras)
    // No model has more layers than the checkpoint has tensors.
    let most = min(shapes.count, ModelArchitecture.mostLayers)
    for name in shapes.keys {
      for start in starts {
        if let (number, end) = LayerNumbers.number(in: name, after: start, isKeras: isKeras),
          number < most, ends.contains(end)
        {
          numbers.insert(number)
        }
      }
    }
    return LayerNumbers(numbers)
  }

  /// How many of the rules of a layer find their names.
  private func present(in layer: Int, _ shapes: OrderedDictionary<ExactName, Shape>) -> Int {
    var values = values
    values.layer = layer
    return table.rules.count { rule in
      rule.isPerLayer
        && rule.foreign.allSatisfy { $0.names(values).contains { shapes[$0] != nil } }
    }
  }

  /// Looks that there are layers, and that they are this family's.
  func checkWhole(
    _ layers: LayerNumbers, _ shapes: OrderedDictionary<ExactName, Shape>
  ) throws(CheckpointError) {
    let rules = table.rules.filter(\.isPerLayer)
    guard let first = layers.numbers.first, let last = layers.numbers.last else {
      throw CheckpointError(
        .notFound, tensor: rules.first?.foreign[0].names(values)[0].string,
        "the word embeddings of \(family) are there, \(quoted(anchor.string)), but no layer is",
        remedy: "open all files of the checkpoint together")
    }
    let most = max(present(in: first, shapes), present(in: last, shapes))
    guard 2 * most > rules.count else {
      throw CheckpointError(
        .notFound, tensor: anchor.string,
        "no model that is known: the name is \(family)'s, but of the \(rules.count) weights of "
          + "each of its layers only \(most) are there")
    }
  }

  /// Looks that the shapes have shown every size of the body.
  func checkSizes(
    _ bound: BoundExtents, _ values: TemplateValues,
    _ shapes: OrderedDictionary<ExactName, Shape>
  ) throws(CheckpointError) {
    if let empty = bound.empty {
      throw CheckpointError(
        .mismatch, tensor: empty.tensor.string,
        "its \(empty.extent) is 0, expected at least 1")
    }
    let sizes = bound.sizes()
    for parameter in family.definition.bodyParameters {
      guard let unknown = parameter.extents.first(where: { (sizes.value(of: $0) ?? 0) < 1 }),
        let rule = table.rules.first(where: { rule in
          rule.canonical.contains { $0.text == parameter.name.text }
        })
      else { continue }
      let name = rule.foreign[0].names(values)[0]
      if let explained = ParametrizedNames(shapes.keys)[name] {
        throw Self.parametrized(name, explained)
      }
      throw CheckpointError(
        .notFound, tensor: name.string,
        "half a checkpoint: it is not there, and no other weight shows the size \(unknown)",
        remedy: "open all files of the checkpoint together, if there are more; "
          + "a model that never had it is no \(family)")
    }
  }

  /// The one name that stands for `{task}`, and those of other heads where it was stated; nil if the table has none.
  func task(
    stated: String?, head: ModelHead?, in shapes: OrderedDictionary<ExactName, Shape>
  ) throws(CheckpointError) -> (name: String, others: [String])? {
    let found = tasks(in: shapes)
    let list = found.map { quoted($0) }.joined(separator: ", ")
    if let stated {
      guard found.contains(stated) else {
        throw CheckpointError(
          .inconsistent, tensor: anchor.string,
          "there is no classification head \(quoted(stated))"
            + (found.isEmpty ? ", and none that has a name of its own" : ", there are \(list)"),
          remedy: "leave out \(remedy: .task(nil)), or name one that is there")
      }
      return (stated, found.filter { $0 != stated })
    }
    guard found.count > 1, head == nil || head == .sequenceClassification else {
      return found.first.map { ($0, []) }
    }
    throw CheckpointError(
      .inconsistent, tensor: anchor.string, "several classification heads: \(list)",
      remedy: "a conversion takes one with \(remedy: .task(found[0])); or state another head")
  }

  /// The names of classification heads, in the order of the checkpoint.
  private func tasks(in shapes: OrderedDictionary<ExactName, Shape>) -> [String] {
    guard
      let place = table.rules.lazy.flatMap(\.foreign).compactMap({ $0.around("task", values) })
        .first
    else { return [] }
    var found: OrderedSet<ExactName> = []
    for name in shapes.keys {
      let bytes = name.string.utf8
      for start in place.before where bytes.starts(with: start.utf8) {
        for end in place.after
        where name.hasSuffix(end) && bytes.count > start.utf8.count + end.utf8.count {
          let task = bytes.dropFirst(start.utf8.count).dropLast(end.utf8.count)
          found.append(ExactName(String(Substring(task))))
        }
      }
    }
    return found.map(\.string)
  }

  private static func parametrized(
    _ name: ExactName, _ explained: (reason: String, remedy: String)
  ) -> CheckpointError {
    CheckpointError(
      .notFound, tensor: name.string, explained.reason,
      remedy: Wording(explained.remedy))
  }

  /// Why there are no word embeddings: a part of a checkpoint, or nothing that is known.
  static func withoutAnchor(
    _ families: FamilyList, _ shapes: OrderedDictionary<ExactName, Shape>
  ) -> CheckpointError {
    let parts = ParametrizedNames(shapes.keys)
    if let name = parts.first(endingIn: families.anchorEnds), let explained = parts[name] {
      return parametrized(name, explained)
    }
    // The ends of one weight of a layer in each table; most families call it alike.
    var places: [(family: ModelFamily, table: LayoutTable, values: TemplateValues, Surroundings)] =
      []
    var ends: OrderedSet<[UInt8]> = []
    for (family, table) in families.tables {
      guard let template = table.rules.lazy.flatMap(\.foreign).first(where: \.isPerLayer) else {
        continue
      }
      var values = TemplateValues()
      values.body = table.bodies.bare
      guard let place = template.around("layer", values, behindScope: true) else { continue }
      places.append((family, table, values, place))
      ends.append(contentsOf: place.after.map { Array($0.utf8) })
    }
    let nameEnds = NameEnds(Array(ends))
    let names = shapes.keys.filter { !nameEnds.numbers(of: $0).isEmpty }
    for (family, table, values, place) in places {
      for name in names {
        guard let front = place.front(of: name) else { continue }
        let anchor = table.rules[0].foreign[0].names(behindScope: values)[0]
        let matrix = outputMatrix(families, shapes).map { quoted($0.string) }
        return CheckpointError(
          .notFound, tensor: front + anchor,
          "half a checkpoint: layers of \(family) in layout \(table.layout.rawValue) are there, "
            + "\(quoted(name.string)) for one, but no word embeddings"
            + (matrix.map { ", for which \($0) does not stand" } ?? ""),
          remedy: "open all files of the checkpoint together"
            + (matrix == nil
              ? "" : ", or store the matrix that is tied to them under this name too"))
      }
    }
    return CheckpointError(
      .notFound,
      "no model that is known: no word embeddings of \(families.names) in any layout")
  }

  /// The first matrix of a language model's scores under Transformers' names; nil if there is none.
  private static func outputMatrix(
    _ families: FamilyList, _ shapes: OrderedDictionary<ExactName, Shape>
  ) -> ExactName? {
    let matrices = families.tables.filter { $0.table.layout == .transformers }.flatMap {
      let definition = $0.family.definition
      return $0.family.heads.flatMap(definition.ownParameters)
        .filter { $0.tiedTo != nil && $0.extents.count == 2 }
        .flatMap { $0.name.names(TemplateValues()) }
    }
    return shapes.keys.first { name in
      matrices.contains { name.wrapper(before: $0, endingIn: UInt8(ascii: ".")) != nil }
    }
  }
}
