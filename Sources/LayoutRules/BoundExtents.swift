internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues

/// The sizes that shapes have shown so far.
struct BoundExtents {
  var layers = 0
  private var values: [Extent: (value: Int, tensor: ExactName)] = [:]

  /// Takes the sizes of the parameters that are there.
  ///
  /// - Throws: `mismatch` if a shape contradicts an earlier one; both are named.
  mutating func bind(
    _ templates: [ParameterTemplate], _ table: LayoutTable, _ names: TemplateValues,
    _ shapes: OrderedDictionary<ExactName, Shape>
  ) throws(CheckpointError) {
    let extents = Dictionary(
      templates.map { ($0.name.text, $0.extents) }, uniquingKeysWith: { first, _ in first })
    for rule in table.rules {
      guard let canonical = extents[rule.canonical.text] else { continue }
      let expected = rule.operation.extents(from: canonical)
      for template in rule.foreign {
        guard let name = template.names(names).first(where: { shapes[$0] != nil }),
          let shape = shapes[name]
        else { continue }
        guard shape.rank == expected.count else {
          throw CheckpointError(
            .mismatch, CheckpointError.Site(), tensor: name.string,
            "\(shape) has \(shape.rank) dimensions, expected \(expected.count)")
        }
        for (extent, value) in zip(expected, shape.dimensions) {
          try bind(extent, value, name, shape)
        }
      }
    }
  }

  private mutating func bind(
    _ extent: Extent, _ value: Int, _ name: ExactName, _ shape: Shape
  ) throws(CheckpointError) {
    func mismatch(_ problem: String) -> CheckpointError {
      CheckpointError(
        .mismatch, CheckpointError.Site(), tensor: name.string, "\(shape): \(problem)")
    }
    var key = extent
    var number = value
    switch extent {
    case .fixed(let wanted):
      guard value == wanted else { throw mismatch("expected \(wanted), found \(value)") }
      return
    case .tripleHidden:
      guard value.isMultiple(of: 3) else { throw mismatch("\(value) is no multiple of 3") }
      key = .hidden
      number = value / 3
    default: break
    }
    if let earlier = values[key] {
      guard earlier.value == number else {
        throw mismatch(
          "its \(key) is \(number), that of \(quoted(earlier.tensor.string)) is \(earlier.value)")
      }
    } else {
      values[key] = (number, name)
    }
  }

  /// The sizes; what no shape has shown is 0.
  func sizes() -> ModelSizes {
    func value(_ extent: Extent) -> Int { values[extent]?.value ?? 0 }
    return ModelSizes(
      hidden: value(.hidden), layers: layers, intermediate: value(.intermediate),
      vocabulary: value(.vocabulary), positions: value(.positions),
      tokenTypes: value(.tokenTypes), labels: value(.labels), heads: values[.heads]?.value)
  }
}

extension LayoutTable {
  /// True if a parameter's names are there.
  func isPresent(
    _ template: ParameterTemplate, values: TemplateValues,
    in shapes: OrderedDictionary<ExactName, Shape>
  ) -> Bool {
    rules.contains { rule in
      rule.canonical.text == template.name.text
        && rule.foreign.allSatisfy { $0.names(values).contains { shapes[$0] != nil } }
    }
  }
}

/// A head whose parameters are all there.
struct HeadMatch {
  let head: ModelHead
  /// The number of its parameters, and whether the pooler is there as Transformers has it for this head.
  let rank: [Int]
  let sizes: BoundExtents

  /// The heads that fit, the best first.
  static func all(
    _ table: LayoutTable, _ values: TemplateValues,
    _ shapes: OrderedDictionary<ExactName, Shape>, _ body: BoundExtents
  ) -> [HeadMatch] {
    let base = ParameterTemplate.all(table.family, .base, hasPooler: true).map(\.name.text)
    let pooler = ParameterTemplate.all(table.family, .base, hasPooler: true)
      .first { $0.name.text.hasPrefix("{body}pooler") }
    let hasPooler = pooler.map { table.isPresent($0, values: values, in: shapes) } ?? false
    var found: [HeadMatch] = []
    for head in table.family.heads where table.heads?.contains(head) ?? true {
      let own = ParameterTemplate.all(table.family, head, hasPooler: false)
        .filter { !base.contains($0.name.text) }
      let present = own.filter { table.isPresent($0, values: values, in: shapes) }
      let names = Set(present.map(\.name.text))
      guard own.allSatisfy({ names.contains($0.name.text) || $0.tiedTo != nil }) else { continue }
      // A head with nothing of its own but a tie shows in no name.
      var sizes = body
      guard (try? sizes.bind(own, table, values, shapes)) != nil else { continue }
      let agrees = head == .base || head.usesPooler(in: table.family) == hasPooler
      found.append(
        HeadMatch(head: head, rank: [present.count, agrees ? 1 : 0], sizes: sizes))
    }
    // Sorted stably: among equals the order of the heads' declaration.
    return found.enumerated().sorted { left, right in
      if left.element.rank == right.element.rank { return left.offset < right.offset }
      return right.element.rank.lexicographicallyPrecedes(left.element.rank)
    }.map(\.element)
  }
}
