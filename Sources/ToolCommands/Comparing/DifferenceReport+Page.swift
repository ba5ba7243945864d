internal import Weighbridge

extension DifferenceReport {
  /// All tensors of both, with the worst places of those that differ.
  var page: ReportPage {
    var page = ReportPage("diff", title: "\(first) / \(second)")
    page.verdict = ReportPage.Verdict(text: summary, isGood: isEqual)
    page.facts = [("first", first), ("second", second)]
    if let models {
      page.facts += [
        ("first is", models.first.description), ("second is", models.second.description),
      ]
    }
    if let tolerance = difference.tolerance {
      page.facts.append(
        ("tolerance", "\(tolerance.absolute) + \(tolerance.relative) · |second|"))
    }
    page.addList("Only in the first", difference.missing.map(\.string))
    page.addList("Only in the second", difference.extra.map(\.string))
    page.addList("Not compared: no dense tensors", difference.notCompared.map(\.string))
    var table = PageTable(
      "Tensors",
      [
        ("tensor", .name), ("differs", .text), ("shape", .shape), ("max abs", .number),
        ("max rel", .number), ("ULPs", .number), ("cosine", .text), ("differing", .number),
      ])
    table.rows = difference.entries.map(row)
    let names = difference.entries.map(\.name.string)
    table.separator = names.contains { $0.utf8.contains(UInt8(ascii: "/")) } ? "/" : "."
    page.add(table)
    return page
  }

  private func row(_ entry: CheckpointDifference.Entry) -> PageTable.Row {
    var row = PageTable.Row(cells: [
      .text(entry.name.string),
      .text(entry.isIdentical ? "" : difference.kinds(entry).joined(separator: ", ")),
      .integers(entry.first.shape.dimensions),
    ])
    row.isBad = difference.isDifferent(entry)
    row.detail.facts = [
      ("first", "\(entry.first.dtype) \(entry.first.shape)"),
      ("second", "\(entry.second.dtype) \(entry.second.shape)"),
    ]
    guard let values = entry.values else {
      row.cells += [PageTable.Cell](repeating: .none, count: 5)
      return row
    }
    row.cells += [
      .number(values.maximumAbsolute), .number(values.maximumRelative),
      values.maximumULPs.map { .number(Double($0)) } ?? .none,
      values.cosine.map { .text(NumberText.fixed($0, digits: 9)) } ?? .none,
      .integer(values.differing),
    ]
    if values.differing > 0 {
      row.detail.facts += [
        ("worst at", difference.place(values, in: entry)),
        ("values there", "\(values.worstValues.0) / \(values.worstValues.1)"),
      ]
    }
    for (kind, counts) in [("NaN", values.nanCounts), ("infinite", values.infinityCounts)]
    where counts != (0, 0) {
      row.detail.facts.append((kind, "\(counts.0) / \(counts.1)"))
    }
    return row
  }
}
