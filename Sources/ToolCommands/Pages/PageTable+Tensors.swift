internal import Weighbridge

extension PageTable {
  /// A tensor as a row.
  struct Tensor {
    let name: ExactName
    let weight: Weight
    var tiedTo: ExactName?
    var digest: String?
    var statistics: WeightStatistics?
    var training: String?

    init(_ row: InspectReport.Row) {
      name = row.name
      weight = row.weight
      tiedTo = row.tiedTo
      digest = row.digest
      statistics = row.statistics
      training = row.training
    }

    init(
      _ name: ExactName, _ weight: Weight, tiedTo: ExactName?, digest: String?,
      _ statistics: WeightStatistics?
    ) {
      self.name = name
      self.weight = weight
      self.tiedTo = tiedTo
      self.digest = digest
      self.statistics = statistics
    }
  }

  /// Tensors with their types, shapes and sizes, and what their values are like where that is known.
  init(tensors: [Tensor], showsTies: Bool = false) {
    var columns: [(title: String, kind: Kind)] = [
      ("tensor", .name), ("dtype", .text), ("shape", .shape), ("bytes", .bytes),
    ]
    let ties = showsTies && tensors.contains { $0.tiedTo != nil }
    let values = tensors.contains { $0.statistics != nil }
    if values {
      columns += [
        ("min", .number), ("max", .number), ("mean", .number), ("std", .number),
        ("distribution", .histogram),
      ]
    }
    self.init("Tensors", columns)
    startsAsTree = true
    separator = tensors.contains { $0.name.string.utf8.contains(UInt8(ascii: "/")) } ? "/" : "."
    rows = tensors.map { tensor in
      let weight = tensor.weight
      var row = Row(cells: [
        .text(tensor.name.string), .text(weight.dtype.rawValue),
        .integers(weight.shape.dimensions), .integer(tensor.tiedTo == nil ? weight.byteCount : 0),
      ])
      row.detail.facts.append(("elements", String(weight.shape.elementCount)))
      if ties, let tiedTo = tensor.tiedTo { row.detail.facts.append(("tied to", tiedTo.string)) }
      if let training = tensor.training { row.detail.facts.append(("not the model", training)) }
      if weight.isMisaligned { row.detail.facts.append(("misaligned", "yes")) }
      if let digest = tensor.digest { row.detail.facts.append(("sha256", digest)) }
      guard let statistics = tensor.statistics else { return row }
      row.add(statistics, shape: weight.shape)
      return row
    }
  }
}

extension PageTable.Row {
  /// Puts what values are like into the last cells, and into what is shown of the row.
  mutating func add(_ statistics: WeightStatistics, shape: Shape) {
    guard statistics.finiteCount > 0 else {
      cells += [PageTable.Cell](repeating: .none, count: 5)
      isBad = statistics.hasNonFinite
      addOddities(statistics)
      return
    }
    cells += [
      .number(statistics.minimum), .number(statistics.maximum), .number(statistics.mean),
      .number(statistics.standardDeviation), .integers(statistics.pairs),
    ]
    isBad = statistics.hasNonFinite
    detail.histogram = (statistics.minimum, statistics.maximum, statistics.histogram)
    detail.values = statistics.outliers.map { ("\(shape.place(of: $0.index))", $0.value) }
    addOddities(statistics)
  }

  private mutating func addOddities(_ statistics: WeightStatistics) {
    for (name, count) in [
      ("NaN", statistics.nanCount), ("infinite", statistics.infinityCount),
      ("zero", statistics.zeroCount),
      ("beyond \(Int(WeightStatistics.outlierDistance)) std", statistics.outlierCount),
    ] where count > 0 {
      detail.facts.append((name, String(count)))
    }
  }
}

extension WeightStatistics {
  /// The histogram with half as many bins, as it is drawn in a row.
  fileprivate var pairs: [Int] {
    stride(from: 0, to: histogram.count, by: 2).map { histogram[$0] + histogram[$0 + 1] }
  }
}
