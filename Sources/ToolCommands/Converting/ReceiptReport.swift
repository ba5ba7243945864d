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
    receipt.json(forward: forward, isDryRun: isDryRun) { $0.argument }
  }
}
