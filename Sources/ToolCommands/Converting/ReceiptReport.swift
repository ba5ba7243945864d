internal import Weighbridge

/// What `convert` prints at its end.
struct ReceiptReport: Report {
  let receipt: ConversionReceipt
  /// What source and result compute, if that was compared.
  let forward: VerificationReport?
  let isDryRun: Bool
  /// What was written, opened again and measured for a page.
  private(set) var written: WrittenTensors?

  init(_ receipt: ConversionReceipt, forward: VerificationReport? = nil, isDryRun: Bool) {
    self.receipt = receipt
    self.forward = forward
    self.isDryRun = isDryRun
  }

  /// Reads what was written: digests, and what values are like.
  mutating func measure(
    _ destination: String, progress: ProgressHandler?
  ) throws(CheckpointError) {
    written = try WrittenTensors(destination, progress: progress)
  }

  /// The whole on one line.
  var summary: String {
    let files = receipt.files.first.map { singleLine($0.path) } ?? ""
    let more =
      receipt.files.count > 1 ? " and \(counted(receipt.files.count - 1, "file")) more" : ""
    var line = "\(singleLine(receipt.source)): \(isDryRun ? "to write " : "")\(files)\(more), "
    line += "\(counted(receipt.tensorCount, "tensor")), \(ByteSize.text(receipt.byteCount))"
    if !receipt.omissions.isEmpty { line += ", \(receipt.omissions.count) left out" }
    if case .equal = receipt.verification {
      line += ", verified: equal" + (receipt.casts.isEmpty ? "" : " to the cast of the source")
    }
    return line
  }

  /// The receipt for people.
  func text(_ style: TextStyle) -> String {
    var lines = [
      style.paint(
        "\(singleLine(receipt.source)): \(receipt.sourceFormat) → \(receipt.format.rawValue)"
          + (isDryRun ? " (dry run: nothing is written)" : ""), .heading),
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
    func list(_ heading: String, _ entries: [String]) {
      lines += ReceiptReport.list(heading, entries, style)
    }
    list("tied", receipt.ties.map { $0.map { singleLine($0.string) }.joined(separator: " = ") })
    list("renamed", renamed(style))
    list("cast", casts)
    list("left out", omissions(style))
    list("note", receipt.notes.map { singleLine($0.toolText, limit: 400) })
    list(
      isDryRun ? "to write" : "written",
      receipt.files.map { file in
        singleLine(file.path) + (file.byteCount > 0 ? " (\(ByteSize.text(file.byteCount)))" : "")
      })
    switch receipt.verification {
    case .none:
      if !isDryRun { lines.append("  not verified (--no-verify)") }
    case .equal: lines.append(style.paint("  verified  " + verification, .good))
    }
    if let forward {
      lines.append(
        "  forward  source and result on the same tokens: "
          + VerificationSummary(forward).lines.joined(separator: "; "))
    }
    if !isDryRun { lines.append("  took     \(NumberText.fixed(receipt.seconds, digits: 2)) s") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// How the result was compared with the source.
  var verification: String {
    guard case .equal(let tensors, let bytes) = receipt.verification else { return "" }
    return
      "\(counted(tensors, "tensor")) and \(ByteSize.text(bytes)) read back and compared: equal"
      + (receipt.casts.isEmpty ? ", bit for bit" : " to the cast of the source")
  }

  /// New names; one line where all of them only lost what stood before them.
  private func renamed(_ style: TextStyle) -> [String] {
    if !style.isVerbose, receipt.renamed.count > 1, let first = receipt.renamed.first,
      first.from.hasSuffix(first.to.string)
    {
      let front = String(
        decoding: first.from.string.utf8.dropLast(first.to.byteCount), as: UTF8.self)
      if receipt.renamed.allSatisfy({ $0.from.string == front + $0.to.string }) {
        return [singleLine("\(front)* → *") + " (\(counted(receipt.renamed.count, "tensor")))"]
      }
    }
    return receipt.renamed.map { singleLine("\($0.from) → \($0.to)") }
  }

  /// What the destination does not hold; what training leaves is counted, reason by reason.
  private func omissions(_ style: TextStyle) -> [String] {
    let lines = receipt.omissions.map {
      singleLine("\($0.item): \($0.reason.toolText)", limit: 400)
    }
    guard !style.isVerbose else { return lines }
    var counts: [Wording: Int] = [:]
    for omission in receipt.omissions { counts[omission.reason, default: 0] += 1 }
    var told: Set<Wording> = []
    return zip(receipt.omissions, lines).compactMap { omission, line in
      let count = counts[omission.reason] ?? 1
      guard count > 3 else { return line }
      guard told.insert(omission.reason).inserted else { return nil }
      return "\(singleLine(omission.item, limit: 80)) and \(count - 1) more: "
        + singleLine(omission.reason.toolText, limit: 400)
    }
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

  /// How many entries of a list are shown to people.
  private static let limit = 12

  /// A heading and its entries; long lists are cut for people, `--json` has them whole.
  private static func list(
    _ heading: String, _ entries: [String], _ style: TextStyle
  ) -> [String] {
    let shown = style.shown(entries, limit: entries.count > limit ? limit - 2 : limit)
    var lines = shown.map {
      "  " + heading + String(repeating: " ", count: max(1, 9 - heading.count)) + $0
    }
    if shown.count < entries.count {
      lines.append(
        "  " + heading
          + "  … and \(entries.count - shown.count) more (see --verbose or --json)")
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
