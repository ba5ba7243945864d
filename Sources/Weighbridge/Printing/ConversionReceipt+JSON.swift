public import CheckpointBytes
public import Conversion
internal import LayoutRules
internal import TensorValues
package import Verification

extension ConversionReceipt {
  /// What was done, for programs: what `convert --json` prints (docs/json.md).
  public var json: JSONValue { json(isDryRun: false) { $0.description } }

  /// The receipt for programs.
  ///
  /// - Parameters:
  ///   - forward: What source and result compute, if that was compared.
  ///   - isDryRun: True if nothing was written yet.
  ///   - remedyText: What a remedy is called.
  package func json(
    forward: VerificationReport? = nil, isDryRun: Bool, saying remedyText: (Remedy) -> String
  ) -> JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    var verified: JSONValue = .null
    if case .equal(let tensors, let bytes) = verification {
      verified = .object([
        JSONValue.Member("equal", .boolean(true)),
        JSONValue.Member("tensors", .integer(tensors)),
        JSONValue.Member("bytes", .integer(bytes)),
      ])
    }
    return .object([
      JSONValue.Member("source", .string(source)),
      JSONValue.Member("source_format", .string(sourceFormat)),
      JSONValue.Member("format", .string(format.rawValue)),
      JSONValue.Member("dry_run", .boolean(isDryRun)),
      JSONValue.Member(
        "files",
        .array(
          files.map { file in
            .object([
              JSONValue.Member("path", .string(file.path)),
              JSONValue.Member("bytes", .integer(file.byteCount)),
            ])
          })),
      JSONValue.Member("in_place", .array(inPlace.map { .string($0) })),
      JSONValue.Member("tensors", .integer(tensorCount)),
      JSONValue.Member("bytes", .integer(byteCount)),
      JSONValue.Member("layout", layout.map(\.json) ?? .null),
      JSONValue.Member(
        "renamed",
        .array(renamed.map { .array([.string($0.from.string), .string($0.to.string)]) })),
      JSONValue.Member("cast", .array(casts.map(\.json))),
      JSONValue.Member("tied", .array(ties.map(texts))),
      JSONValue.Member(
        "dropped",
        .array(
          omissions.map { omission in
            .object([
              JSONValue.Member("item", .string(omission.item)),
              JSONValue.Member("reason", .string(omission.reason.text(saying: remedyText))),
            ])
          })),
      JSONValue.Member("notes", .array(notes.map { .string($0.text(saying: remedyText)) })),
      JSONValue.Member("verified", verified),
      JSONValue.Member("forward", forward?.summaryJSON ?? .null),
      // No finer than clocks are.
      JSONValue.Member("seconds", .double((seconds * 1e6).rounded() / 1e6)),
    ])
  }
}

extension VerificationReport {
  /// What became of a comparison, without its outputs.
  fileprivate var summaryJSON: JSONValue {
    let largest = entries.compactMap(\.values?.maximumAbsolute).max()
    return .object([
      JSONValue.Member("equal", .boolean(isEqual)),
      JSONValue.Member("outputs", .integer(entries.count)),
      JSONValue.Member("largest_difference", .double(largest ?? 0)),
    ])
  }
}

extension ConversionReceipt.Cast {
  fileprivate var json: JSONValue {
    .object([
      JSONValue.Member("name", .string(name.string)),
      JSONValue.Member("from", .string(from.rawValue)),
      JSONValue.Member("to", .string(to.rawValue)),
      JSONValue.Member("largest_error", largestError.map { .double($0) } ?? .null),
      JSONValue.Member("relative_error", relativeError.map { .double($0) } ?? .null),
      JSONValue.Member("overflowed", overflowed.map { .integer($0) } ?? .null),
    ])
  }
}

extension ConversionReceipt.LayoutChange {
  /// The change for programs.
  fileprivate var json: JSONValue {
    .object([
      JSONValue.Member("from", .string(model.layout.rawValue)),
      JSONValue.Member("to", .string(to.rawValue)),
      JSONValue.Member("model", model.json),
      JSONValue.Member("report", LoadReport.json(report.entries)),
      JSONValue.Member("written", LoadReport.json(written)),
    ])
  }
}
