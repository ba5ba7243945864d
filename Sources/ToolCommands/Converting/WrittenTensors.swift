internal import OrderedCollections
internal import Weighbridge

/// What a conversion wrote, as it is read again: each tensor with its digest and what its values are like.
struct WrittenTensors {
  let tensors: [PageTable.Tensor]
  /// The digest of all of them, or of the model if they are one.
  let digest: String

  init(_ path: String, progress: ProgressHandler?) throws(CheckpointError) {
    let checkpoint = try Checkpoint.open(path)
    var options = InspectReport.Options()
    options.digests = true
    options.measures = true
    let report = try InspectReport(checkpoint, source: path, options: options, progress: progress)
    tensors = report.rows.map { PageTable.Tensor($0) }
    digest = report.modelDigest?.text ?? ""
  }
}

extension ReceiptReport {
  /// The receipt with what was written.
  var page: ReportPage {
    var page = ReportPage("convert", title: receipt.source)
    page.verdict =
      receipt.verificationText.map {
        ReportPage.Verdict(text: "Verified: " + $0, isGood: true)
      }
      ?? ReportPage.Verdict(
        text: isDryRun ? "Dry run: nothing is written" : "Not verified", isGood: isDryRun)
    page.facts = [
      ("from", "\(receipt.source): \(receipt.sourceFormat)"),
      ("to", receipt.format.rawValue),
      ("tensors", "\(receipt.tensorCount), \(ByteSize.text(receipt.byteCount))"),
    ]
    if let layout = receipt.layout {
      page.facts += [
        ("model", layout.model.description),
        ("layout", "\(layout.model.layout.rawValue) → \(layout.to.rawValue)"),
        ("read", LoadReport.summary(layout.report.entries)),
        ("laid out", LoadReport.summary(layout.written)),
      ]
    }
    if let written { page.facts.append(("sha256 of the model", written.digest)) }
    if let forward {
      page.facts.append(
        ("forward", VerificationSummary(forward).lines.joined(separator: "; ")))
    }
    if !isDryRun {
      page.facts.append(("took", "\(NumberText.fixed(receipt.seconds, digits: 2)) s"))
    }
    page.addList(
      isDryRun ? "Files to write" : "Files",
      receipt.files.map { "\($0.path) (\(ByteSize.text($0.byteCount)))" })
    page.addList("Notes", receipt.notes.map(\.toolText))
    page.addList("Left out", receipt.omissions.map { "\($0.item): \($0.reason.toolText)" })
    page.addList(
      "Tied weights", receipt.ties.map { $0.map(\.string).joined(separator: " = ") })
    page.add(casts)
    page.add(renames)
    if let layout = receipt.layout { page.add(names(of: layout)) }
    if let written { page.add(PageTable(tensors: written.tensors, showsTies: true)) }
    return page
  }

  private var casts: PageTable {
    var table = PageTable(
      "Casts",
      [
        ("tensor", .name), ("from", .text), ("to", .text), ("largest error", .number),
        ("relative", .number), ("overflowed", .number),
      ])
    table.rows = receipt.casts.map { cast in
      PageTable.Row(
        cells: [
          .text(cast.name.string), .text(cast.from.rawValue), .text(cast.to.rawValue),
          cast.largestError.map { .number($0) } ?? .none,
          cast.relativeError.map { .number($0) } ?? .none,
          cast.overflowed.map { .integer($0) } ?? .none,
        ], isBad: cast.overflowed ?? 0 > 0)
    }
    return table
  }

  private var renames: PageTable {
    var table = PageTable("New names", [("from", .name), ("to", .text)])
    table.rows = receipt.renamed.map {
      PageTable.Row(cells: [.text($0.from.string), .text($0.to.string)])
    }
    return table
  }

  private func names(of layout: ConversionReceipt.LayoutChange) -> PageTable {
    var table = PageTable(
      "What became of each name",
      [("in the source", .name), ("outcome", .text), ("parameter", .text)]
    )
    table.rows = layout.report.entries.map { entry in
      var row = PageTable.Row(cells: [
        .text(entry.stored.map(\.string).joined(separator: ", ")), .text(entry.outcome.rawValue),
        .text(entry.parameters.map(\.string).joined(separator: ", ")),
      ])
      if let detail = entry.detail { row.detail.facts.append(("why", detail)) }
      if let rule = entry.rule { row.detail.facts.append(("rule", rule)) }
      return row
    }
    return table
  }
}
