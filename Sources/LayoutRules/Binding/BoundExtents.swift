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
      guard let canonical = rule.canonical.lazy.compactMap({ extents[$0.text] }).first else {
        continue
      }
      let expected = rule.extents(from: canonical)
      for template in rule.foreign {
        guard let name = template.names(names).first(where: { shapes[$0] != nil }),
          let shape = shapes[name]
        else { continue }
        guard shape.rank == expected.count else {
          throw CheckpointError(
            .mismatch, tensor: name.string,
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
        .mismatch, tensor: name.string, "\(shape): \(problem)")
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
    case .usedPositions:
      let (sum, overflow) = value.addingReportingOverflow(ModelSizes.unusedPositions)
      guard !overflow else { throw mismatch("\(value) rows cannot be counted") }
      key = .positions
      number = sum
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

  /// Takes sizes that no shape can show, since the layout does not hold the parameter.
  mutating func assumeAbsent(of table: LayoutTable) {
    for parameter in table.absent {
      for (extent, value) in parameter.zeros ?? [:] where values[extent] == nil {
        values[extent] = (value, ExactName(parameter.name.text))
      }
    }
  }

  /// A size that a shape shows to be 0.
  var empty: (extent: Extent, tensor: ExactName)? {
    let empty = values.filter { $0.value.value == 0 }.map { ($0.key, $0.value.tensor) }
    return empty.min { $0.1 < $1.1 }.map { (extent: $0.0, tensor: $0.1) }
  }

  /// The sizes; what no shape has shown is 0.
  func sizes() -> ModelSizes {
    func value(_ extent: Extent) -> Int { values[extent]?.value ?? 0 }
    return ModelSizes(
      hidden: value(.hidden), embedding: values[.embedding]?.value, layers: layers,
      intermediate: value(.intermediate),
      vocabulary: value(.vocabulary), positions: value(.positions),
      tokenTypes: value(.tokenTypes), labels: value(.labels), heads: values[.heads]?.value)
  }
}
