internal import CheckpointBytes
public import Conversion
internal import LayoutRules
internal import TensorValues
package import Verification

extension ConversionReceipt: CustomStringConvertible {
  /// What was done, as the tool prints it: a line for each fact; long lists are cut.
  public var description: String {
    lines(.plain, isDryRun: false).joined(separator: "\n")
  }
}

extension ConversionPlan: CustomStringConvertible {
  /// What would be done, as the tool prints it with a dry run.
  public var description: String {
    receipt.lines(.plain, isDryRun: true).joined(separator: "\n")
  }
}

extension ConversionReceipt {
  /// The whole on one line.
  package func summary(isDryRun: Bool) -> String {
    let paths = files.isEmpty ? inPlace : files.map(\.path)
    let first = paths.first.map { singleLine($0) } ?? ""
    let more = paths.count > 1 ? " and \(counted(paths.count - 1, "file")) more" : ""
    let state = files.isEmpty ? "complete already: " : isDryRun ? "to write " : ""
    var line = "\(singleLine(source)): \(state)\(first)\(more), "
    line += "\(counted(tensorCount, "tensor")), \(ByteSize.text(byteCount))"
    if !omissions.isEmpty { line += ", \(omissions.count) left out" }
    if case .equal = verification {
      line += ", verified: equal" + (casts.isEmpty ? "" : " to the cast of the source")
    }
    return line
  }

  /// The receipt for people.
  ///
  /// - Parameters:
  ///   - forward: What source and result compute, if that was compared.
  ///   - isDryRun: True if nothing was written yet.
  package func lines(
    _ style: TextStyle, forward: VerificationReport? = nil, isDryRun: Bool
  ) -> [String] {
    var lines = [
      style.paint(
        "\(singleLine(source)): \(sourceFormat) → \(format.rawValue)"
          + (isDryRun ? " (dry run: nothing is written)" : ""), .heading),
      "  tensors  \(tensorCount), \(ByteSize.text(byteCount))",
    ]
    if let layout {
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
      lines += Self.list(heading, entries, style)
    }
    list("tied", ties.map { $0.map { singleLine($0.string) }.joined(separator: " = ") })
    list("renamed", renamedLines(style))
    list("cast", castLines)
    list("left out", omissionLines(style))
    list("note", notes.map { style.words($0) })
    list(
      isDryRun ? "to write" : "written",
      files.map { file in
        singleLine(file.path) + (file.byteCount > 0 ? " (\(ByteSize.text(file.byteCount)))" : "")
      })
    if let verificationText {
      lines.append(style.paint("  verified  " + verificationText, .good))
    } else if !isDryRun {
      lines.append("  not verified")
    }
    if let forward {
      lines.append(
        "  forward  source and result on the same tokens: "
          + VerificationSummary(forward).lines.joined(separator: "; "))
    }
    if !isDryRun { lines.append("  took     \(NumberText.fixed(seconds, digits: 2)) s") }
    return lines
  }

  /// How the result was compared with the source; nil if it was not.
  package var verificationText: String? {
    guard case .equal(let tensors, let bytes) = verification else { return nil }
    return
      "\(counted(tensors, "tensor")) and \(ByteSize.text(bytes)) read back and compared: equal"
      + (casts.isEmpty ? ", bit for bit" : " to the cast of the source")
  }

  /// New names; one line where all of them only lost what stood before them.
  private func renamedLines(_ style: TextStyle) -> [String] {
    if !style.isVerbose, renamed.count > 1, let first = renamed.first,
      first.from.hasSuffix(first.to.string)
    {
      let front = String(
        decoding: first.from.string.utf8.dropLast(first.to.byteCount), as: UTF8.self)
      if renamed.allSatisfy({ $0.from.string == front + $0.to.string }) {
        return [singleLine("\(front)* → *") + " (\(counted(renamed.count, "tensor")))"]
      }
    }
    return renamed.map { singleLine("\($0.from) → \($0.to)") }
  }

  /// What the destination does not hold; what training leaves is counted, reason by reason.
  private func omissionLines(_ style: TextStyle) -> [String] {
    let lines = omissions.map { style.words("\($0.item): \($0.reason)") }
    guard !style.isVerbose else { return lines }
    var counts: [Wording: Int] = [:]
    for omission in omissions { counts[omission.reason, default: 0] += 1 }
    var told: Set<Wording> = []
    return zip(omissions, lines).compactMap { omission, line in
      let count = counts[omission.reason] ?? 1
      guard count > 3 else { return line }
      guard told.insert(omission.reason).inserted else { return nil }
      return "\(singleLine(omission.item, limit: 80)) and \(count - 1) more: "
        + style.words(omission.reason)
    }
  }

  private var castLines: [String] {
    var kinds:
      [(
        from: DType, to: DType, count: Int, error: Double?, overflowed: Int, worst: String,
        relative: Double
      )] = []
    for cast in casts {
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
        line +=
          "; \(counted(kind.overflowed, "value")) became infinite or NaN, or did not stay infinite"
      }
      return line
    }
  }

  /// How many entries of a list are shown to people.
  private static let limit = 12

  /// A heading and its entries; long lists are cut.
  private static func list(
    _ heading: String, _ entries: [String], _ style: TextStyle
  ) -> [String] {
    let cut = entries.count > limit ? limit - 2 : limit
    return (style.shown(entries, limit: cut) + style.rest(of: entries.count, limit: cut)).map {
      "  " + heading + String(repeating: " ", count: max(1, 9 - heading.count)) + $0
    }
  }
}
