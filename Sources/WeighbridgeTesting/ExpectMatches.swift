public import Weighbridge

/// Expects a model to compute what was recorded: runs it on the recorded inputs, and reports the first layer that differs.
///
///     @Test func ours() throws {
///       let model = try loadLanguageModel(from: "models/ours")
///       expectMatches(model, golden: "goldens/ours.safetensors")
///     }
///
/// For tests of Swift Testing and of XCTest alike; a failure is reported at the caller's line.
///
/// - Parameters:
///   - model: What is run.
///   - golden: The record, as `scripts/record_golden.py` writes it; see `Weighbridge/GoldenRecord`.
///   - inputs: The file of its inputs, if they are not in the same one.
///   - tolerance: What counts as equal; nil for the default of the type that the record was computed in.
///   - positions: Which positions are compared; all, unless stated.
///   - fileID: Where the expectation stands.
///   - filePath: Where the expectation stands.
///   - line: Where the expectation stands.
///   - column: Where the expectation stands.
/// - Returns: True if the model matches.
@discardableResult
public func expectMatches(
  _ model: any LanguageModel, golden: String, inputs: String? = nil,
  tolerance: Tolerance? = nil, positions: ComparedPositions = .all,
  fileID: StaticString = #fileID, filePath: StaticString = #filePath, line: Int = #line,
  column: Int = #column
) -> Bool {
  let place = SourcePlace(fileID: fileID, filePath: filePath, line: line, column: column)
  do throws(CheckpointError) {
    let report = try verify(
      model, golden: golden, inputs: inputs, tolerance: tolerance, positions: positions)
    if report.isEqual { return true }
    let lines = VerificationSummary(report).lines
    recordIssue(
      "\(type(of: model).className) differs from \(singleLine(golden)): "
        + lines.joined(separator: "\n"), at: place)
  } catch {
    recordIssue("\(error)", at: place)
  }
  return false
}

/// Expects outputs to be what was recorded, of whatever model, and reports the first in order of computation that differs.
///
///     let golden = try GoldenRecord(opening: "goldens/mlp.safetensors")
///     let x = try golden.values(of: "x").map { Float($0) }
///     expectMatches(
///       outputs: [try VerificationReport.Output("0:output", [4, 8], hidden(x))], golden: golden)
///
/// For a port of a model that Weighbridge does not know: what its parts compute goes in under the names that
/// `scripts/record_golden.py --modules` gave them.
///
/// - Parameters:
///   - outputs: What was computed.
///   - golden: The record.
///   - criteria: What counts as equal; nil for the default of the type that the record was computed in.
///   - fileID: Where the expectation stands.
///   - filePath: Where the expectation stands.
///   - line: Where the expectation stands.
///   - column: Where the expectation stands.
/// - Returns: True if the outputs match.
@discardableResult
public func expectMatches(
  outputs: [VerificationReport.Output], golden: GoldenRecord,
  criteria: VerificationCriteria? = nil, fileID: StaticString = #fileID,
  filePath: StaticString = #filePath, line: Int = #line, column: Int = #column
) -> Bool {
  let place = SourcePlace(fileID: fileID, filePath: filePath, line: line, column: column)
  do throws(CheckpointError) {
    let standard = VerificationCriteria(tolerance: .standard(computedIn: golden.origin.dtype))
    let report = try VerificationReport(
      computed: outputs, golden: golden, criteria: criteria ?? standard)
    if report.isEqual { return true }
    recordIssue(
      "the outputs differ: " + VerificationSummary(report).lines.joined(separator: "\n"),
      at: place)
  } catch {
    recordIssue("\(error)", at: place)
  }
  return false
}
