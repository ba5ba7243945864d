internal import OrderedCollections
internal import Weighbridge

extension InspectReport: Report {
  /// The whole on one line.
  var summary: String {
    let others = checkpoint.graph.facts.others.count { !$0.isOutsideState }
    return "\(singleLine(source)): \(container), \(totals.size)"
      + (model.map { ", " + $0.description } ?? "")
      + (others > 0 ? "; \(others) not read as tensors" : "")
  }

  var container: String { "\(checkpoint.format.rawValue) (\(checkpoint.container))" }

  /// The report for people: repeated layers are folded into one line each.
  func text(_ style: TextStyle) -> String {
    if style.isQuiet { return summary + "\n" }
    var lines = [style.paint("\(singleLine(source)): \(container)", .heading)] + totals.lines
    if let model {
      lines.append("model: " + model.description + (model.doubt == nil ? ", certain" : ", likely"))
      if let doubt = model.doubt { lines.append("  " + singleLine(doubt, limit: 400)) }
      lines += model.remarks.map { "  " + singleLine($0, limit: 400) }
      if let sum = modelDigest, bindingFailure == nil { lines.append("model sha256 " + sum.text) }
    }
    if model == nil || bindingFailure != nil, let sum = modelDigest {
      lines.append("all tensors sha256 " + sum.text)
    }
    if !rows.isEmpty { lines += [""] + (options.tree ? tree(style) : table(style)) }
    if rows.count < matchingCount {
      lines.append(style.paint("… and \(matchingCount - rows.count) more (--limit)", .faint))
    }
    if options.lineage, let bound, let model,
      model.layout != .transformers || !model.wrapper.isEmpty
    {
      lines += ["", "parameters of \(model.className):"]
      for (name, weight) in bound.graph.weights {
        lines.append(singleLine("  \(name.string) ← \(weight.lineage)", limit: 400))
      }
    }
    lines += facts(style)
    return lines.joined(separator: "\n") + "\n"
  }

  private func tree(_ style: TextStyle) -> [String] {
    // Parts that are alike by their shapes are not by their values.
    NameTree(rows, sort: options.sort, folds: !style.isVerbose && !options.statistics)
      .lines(style, showsStatistics: options.statistics)
  }

  private func table(_ style: TextStyle) -> [String] {
    // With digests, lineage or statistics every tensor has a line of its own, and in an order that is asked for.
    let folds =
      !style.isVerbose && !options.digests && !options.lineage && !options.statistics
      && options.sort == nil
    let groups = folds ? FoldedNames(rows).groups : rows.map { FoldedNames.Group($0) }
    var table = TextTable(.name("tensor"), .text("dtype"), .text("shape"), .number("bytes"))
    for group in groups {
      let row = group.first
      let each = ByteSize.text(row.weight.byteCount)
      var below: [String] = []
      if options.statistics, let statistics = row.statistics { below.append(statistics.line) }
      if let digest = row.digest { below.append("sha256 " + digest) }
      if options.lineage { below.append("← " + singleLine(row.weight.lineage, limit: 400)) }
      let isBad = options.statistics && row.statistics?.hasNonFinite ?? false
      if let whole = group.total {
        table.add(
          [singleLine(group.name), "", counted(group.count, "tensor"), ByteSize.text(whole)], .faint
        )
      } else {
        table.add(
          [
            singleLine(group.name), row.weight.dtype.rawValue, row.weight.shape.description,
            group.count > 1 ? "\(group.count) × \(each)" : each,
          ], isBad ? .bad : nil, below: below.map { "  " + $0 })
      }
    }
    return table.lines(style)
  }

  private func facts(_ style: TextStyle) -> [String] {
    let facts = checkpoint.graph.facts
    var lines: [String] = []
    for tie in ties where tie.names.count > 1 {
      lines.append("tied: " + tie.names.map { singleLine($0.string) }.joined(separator: " = "))
    }
    if totals.misaligned > 0 {
      let verb = totals.misaligned == 1 ? "does" : "do"
      lines.append(
        "misaligned: \(counted(totals.misaligned, "tensor")) \(verb) not begin at a multiple of the numbers' size in the file; converting aligns \(totals.misaligned == 1 ? "it" : "them")"
      )
    }
    for other in facts.others {
      let what =
        other.isOutsideState
        ? "not in the state" : other.refusal == nil ? "not a dense tensor" : "refused"
      lines.append("\(what): \(singleLine(other.name.string)): \(other.description)")
    }
    for (key, value) in facts.metadata.entries ?? [:] {
      lines.append("metadata: \(singleLine(key.string)) = \(singleLine(value))")
    }
    if let tree = facts.tree { lines += PlainValues(tree, isVerbose: style.isVerbose).lines }
    for (path, values) in facts.attributes {
      for (name, value) in values {
        lines.append(
          "attribute: /\(singleLine(path.string)) \(singleLine(name.string)) = "
            + singleLine(JSONWriter.text(value.json), limit: 120))
      }
    }
    let problems = bound?.report.problemLines ?? []
    lines += style.shown(problems, limit: 20).map {
      style.paint("not as the model has it: " + $0, .doubtful)
    }
    lines += style.rest(of: problems.count, limit: 20)
    if let bindingFailure {
      lines.append("no digest of the model: " + singleLine(bindingFailure, limit: 400))
    }
    if let undigested {
      lines.append(
        "no digest of all tensors: \(quoted(undigested.name.string)) is \(undigested.description), of which there is none"
      )
    }
    lines += configurationNotes.map { "configuration: " + singleLine($0, limit: 400) }
    if let recognitionFailure {
      lines.append("no model recognised: " + singleLine(recognitionFailure, limit: 400))
    }
    lines += checkpoint.notes.map { "note: " + singleLine($0, limit: 400) }
    return lines.isEmpty ? [] : [""] + lines
  }
}
