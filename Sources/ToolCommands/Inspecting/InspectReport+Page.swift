internal import OrderedCollections
internal import Weighbridge

extension InspectReport {
  /// The model as a tree with what its values are like.
  var page: ReportPage {
    var page = ReportPage("inspect", title: source)
    page.facts = [("format", container)]
    page.facts += totals.lines.enumerated().map { place, line in
      (place == 0 ? "holds" : "", line)
    }
    if let model {
      page.facts.append(
        ("model", model.description + (model.doubt == nil ? ", certain" : ", likely")))
      page.facts += model.remarks.map { ("", $0) }
    }
    if let modelDigest {
      page.facts.append(
        (bindingFailure == nil && model != nil ? "model sha256" : "sha256 of all", modelDigest.text)
      )
    }
    if let nonFinite {
      page.verdict = ReportPage.Verdict(text: nonFinite, isGood: false)
    }
    page.add(PageTable(tensors: rows.map { PageTable.Tensor($0) }, showsTies: true))
    page.addList(
      "Tied weights",
      ties.filter { $0.names.count > 1 }.map { tie in
        tie.names.map(\.string).joined(separator: " = ")
      })
    page.addList(
      "Metadata",
      (checkpoint.graph.facts.metadata.entries ?? [:]).map { "\($0.key) = \($0.value)" })
    if let tree = checkpoint.graph.facts.tree {
      page.addList("Values beside the weights", PlainValues(tree, isVerbose: false).lines)
    }
    page.addList(
      "Not dense tensors",
      checkpoint.graph.facts.others.map { "\($0.name): \($0.description)" })
    page.addList(
      "Notes",
      (bound?.report.problemLines ?? []).map { "not as the model has it: " + $0 }
        + configurationNotes
        + [recognitionFailure, checkpoint.incompleteness?.toolLine].compactMap { $0 }
        + checkpoint.notes)
    return page
  }

  /// A sentence about what is no number; nil if everything that was read is.
  private var nonFinite: String? {
    let odd = rows.filter { $0.statistics?.hasNonFinite ?? false }
    guard let first = odd.first else { return nil }
    return
      "\(counted(odd.count, "tensor")) \(odd.count == 1 ? "holds" : "hold") NaN or infinite values, the first is \(first.name)"
  }
}
