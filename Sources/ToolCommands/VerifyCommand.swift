internal import ArgumentParser
internal import Weighbridge

/// `weighbridge verify`: what a model computes against what was recorded.
struct VerifyCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract:
      "Runs a model and compares it with a recorded run; the first layer that differs is named.",
    discussion: """
      GOLDEN holds the inputs and the outputs of a run under Transformers' names, as scripts/record_golden.py writes them; \
      the inputs may also lie in a file of their own. Values count as equal where \
      |a - b| <= atol + rtol · max(|b|, root mean square of the recorded tensor). Ends with exit code 1 if anything differs.
      """)

  @OptionGroup var model: ModelArguments

  @Option(help: "The recorded run.")
  var golden: String

  @Option(help: "The inputs of the recorded run, if GOLDEN does not hold them.")
  var inputs: String?

  @Option(
    help:
      "How much values may differ relatively (default: by the type of the record, or int8 of the model; 0 if only the other is given)."
  )
  var rtol: Double?

  @Option(
    help:
      "How much values may differ absolutely (default: by the type of the record, or int8 of the model; 0 if only the other is given)."
  )
  var atol: Double?

  @Flag(
    name: .customLong("skip-padding"),
    help: "Compare only positions whose attention_mask is 1.")
  var skipsPadding = false

  @Flag(help: "Print everything as one JSON object.")
  var json = false

  mutating func validate() throws {
    for value in [rtol, atol].compactMap({ $0 }) where !(value >= 0 && value.isFinite) {
      throw ValidationError("tolerances must be finite and not negative")
    }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let record = try GoldenRecord(opening: golden, inputs: inputs)
    let loaded = try model.load(orNamed: record.origin.modelClass, console)
    var tolerance = Tolerance.standard(for: loaded, computedIn: record.origin.dtype)
    // One that is given alone stands alone, as with diff.
    if rtol != nil || atol != nil {
      tolerance = Tolerance(absolute: atol ?? 0, relative: rtol ?? 0)
    }
    let report = try verify(
      loaded, against: record, tolerance: tolerance,
      positions: skipsPadding ? .attended : .all)
    let output = VerifyReport(
      report, className: type(of: loaded).className, model: model.path, golden: golden)
    console.write(json ? JSONWriter.text(output.json) + "\n" : output.text)
    return report.isEqual ? .done : .different
  }
}
