internal import Weighbridge

/// What `convert` prints at its end.
struct ReceiptReport {
  private let receipt: ConversionReceipt
  /// What source and result compute, if that was compared.
  private let forward: VerificationReport?
  private let isDryRun: Bool

  init(_ receipt: ConversionReceipt, forward: VerificationReport? = nil, isDryRun: Bool) {
    self.receipt = receipt
    self.forward = forward
    self.isDryRun = isDryRun
  }

  /// The receipt for people.
  var text: String {
    var lines = [
      "\(singleLine(receipt.source)): \(receipt.sourceFormat) → \(receipt.format.rawValue)"
        + (isDryRun ? " (dry run: nothing is written)" : ""),
      "  tensors  \(receipt.tensorCount), \(ByteSize.text(receipt.byteCount))",
    ]
    if let layout = receipt.layout {
      lines.append("  model    " + layout.model.description)
      let isSame = layout.written.allSatisfy { $0.outcome == .kept || $0.outcome == .tied }
      lines.append("  layout   \(layout.model.layout.rawValue) → \(layout.to.rawValue)")
      lines.append("  read     " + LoadReport.summary(layout.report.entries))
      if isDryRun { lines += layout.report.lines.map { "             " + $0 } }
      lines.append("  laid out " + LoadReport.summary(layout.written))
      if isDryRun, !isSame {
        lines += LoadReport.lines(layout.written, isWriting: true).map { "             " + $0 }
      }
    }
    lines += ReceiptReport.list(
      "tied", receipt.ties.map { $0.map { singleLine($0.string) }.joined(separator: " = ") })
    lines += ReceiptReport.list(
      "renamed", receipt.renamed.map { singleLine("\($0.from) → \($0.to)") })
    lines += ReceiptReport.list("cast", casts)
    lines += ReceiptReport.list(
      "left out",
      receipt.omissions.map { singleLine("\($0.item): \($0.reason.toolText)", limit: 400) })
    lines += ReceiptReport.list("note", receipt.notes.map { singleLine($0.toolText, limit: 400) })
    lines += ReceiptReport.list(
      isDryRun ? "to write" : "written",
      receipt.files.map { file in
        singleLine(file.path) + (file.byteCount > 0 ? " (\(ByteSize.text(file.byteCount)))" : "")
      })
    switch receipt.verification {
    case .none:
      if !isDryRun { lines.append("  not verified (--no-verify)") }
    case .equal(let tensors, let bytes):
      lines.append(
        "  verified  \(counted(tensors, "tensor")) and \(ByteSize.text(bytes)) read back and compared: equal"
          + (receipt.casts.isEmpty ? ", bit for bit" : " to the cast of the source"))
    }
    if let forward {
      lines.append(
        "  forward  source and result on the same tokens: "
          + VerificationSummary(forward).lines.joined(separator: "; "))
    }
    if !isDryRun { lines.append("  took     \(NumberText.fixed(receipt.seconds, digits: 2)) s") }
    return lines.joined(separator: "\n") + "\n"
  }

  private var casts: [String] {
    var kinds:
      [(
        from: DType, to: DType, count: Int, error: Double?, overflowed: Int, worst: String,
        relative: Double
      )] = []
    for cast in receipt.casts {
      let place =
        kinds.firstIndex { $0.from == cast.from && $0.to == cast.to } ?? kinds.count
      if place == kinds.count { kinds.append((cast.from, cast.to, 0, nil, 0, "", 0)) }
      kinds[place].count += 1
      kinds[place].overflowed += cast.overflowed ?? 0
      kinds[place].relative = max(kinds[place].relative, cast.relativeError ?? 0)
      if let error = cast.largestError, error >= kinds[place].error ?? -1 {
        kinds[place].error = error
        kinds[place].worst = cast.name.string
      }
    }
    return kinds.map { kind in
      var line = "\(counted(kind.count, "tensor")) from \(kind.from) to \(kind.to)"
      if let error = kind.error {
        line += ", largest rounding error \(NumberText.significant(error))"
        if error > 0 { line += " in \(singleLine(kind.worst))" }
        if kind.to == .i8, kind.relative > 0 {
          line +=
            ", at most \(NumberText.significant(kind.relative)) of a tensor's root mean square"
        }
      }
      if kind.overflowed > 0 {
        line += "; \(kind.overflowed) values became infinite or NaN, or were infinite"
      }
      return line
    }
  }

  /// A heading and its entries; long lists are cut for people, `--json` has them whole.
  private static func list(_ heading: String, _ entries: [String]) -> [String] {
    let shown = entries.count > 12 ? Array(entries.prefix(10)) : entries
    var lines = shown.map {
      "  " + heading + String(repeating: " ", count: max(1, 9 - heading.count)) + $0
    }
    if shown.count < entries.count {
      lines.append("  " + heading + "  … and \(entries.count - shown.count) more (see --json)")
    }
    return lines
  }

  /// The receipt for programs.
  var json: JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    var verified: JSONValue = .null
    if case .equal(let tensors, let bytes) = receipt.verification {
      verified = .object([
        JSONValue.Member("equal", .boolean(true)),
        JSONValue.Member("tensors", .integer(tensors)),
        JSONValue.Member("bytes", .integer(bytes)),
      ])
    }
    return .object([
      JSONValue.Member("source", .string(receipt.source)),
      JSONValue.Member("source_format", .string(receipt.sourceFormat)),
      JSONValue.Member("format", .string(receipt.format.rawValue)),
      JSONValue.Member("dry_run", .boolean(isDryRun)),
      JSONValue.Member(
        "files",
        .array(
          receipt.files.map { file in
            .object([
              JSONValue.Member("path", .string(file.path)),
              JSONValue.Member("bytes", .integer(file.byteCount)),
            ])
          })),
      JSONValue.Member("tensors", .integer(receipt.tensorCount)),
      JSONValue.Member("bytes", .integer(receipt.byteCount)),
      JSONValue.Member("layout", receipt.layout.map(\.json) ?? .null),
      JSONValue.Member(
        "renamed",
        .array(receipt.renamed.map { .array([.string($0.from.string), .string($0.to.string)]) })),
      JSONValue.Member("cast", .array(receipt.casts.map(ReceiptReport.json(of:)))),
      JSONValue.Member("tied", .array(receipt.ties.map(texts))),
      JSONValue.Member(
        "dropped",
        .array(
          receipt.omissions.map { omission in
            .object([
              JSONValue.Member("item", .string(omission.item)),
              JSONValue.Member("reason", .string(omission.reason.toolText)),
            ])
          })),
      JSONValue.Member("notes", .array(receipt.notes.map { .string($0.toolText) })),
      JSONValue.Member("verified", verified),
      JSONValue.Member("forward", forwardJSON),
      JSONValue.Member("seconds", .double(receipt.seconds)),
    ])
  }

  private var forwardJSON: JSONValue {
    guard let forward else { return .null }
    let largest = forward.entries.compactMap(\.values?.maximumAbsolute).max()
    return .object([
      JSONValue.Member("equal", .boolean(forward.isEqual)),
      JSONValue.Member("outputs", .integer(forward.entries.count)),
      JSONValue.Member("largest_difference", .double(largest ?? 0)),
    ])
  }

  private static func json(of cast: ConversionReceipt.Cast) -> JSONValue {
    .object([
      JSONValue.Member("name", .string(cast.name.string)),
      JSONValue.Member("from", .string(cast.from.rawValue)),
      JSONValue.Member("to", .string(cast.to.rawValue)),
      JSONValue.Member("largest_error", cast.largestError.map { .double($0) } ?? .null),
      JSONValue.Member("relative_error", cast.relativeError.map { .double($0) } ?? .null),
      JSONValue.Member("overflowed", cast.overflowed.map { .integer($0) } ?? .null),
    ])
  }
}
