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
  var summary: String { receipt.summary(isDryRun: isDryRun) }

  /// The receipt for people.
  func text(_ style: TextStyle) -> String {
    receipt.lines(style, forward: forward, isDryRun: isDryRun).joined(separator: "\n") + "\n"
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
      // No finer than clocks are.
      JSONValue.Member("seconds", .double((receipt.seconds * 1e6).rounded() / 1e6)),
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
