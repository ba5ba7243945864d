public import CheckpointBytes
public import Checkpoints
public import LanguageModels
public import TensorValues
public import Verification
internal import WeightGraph

extension GoldenRecord {
  /// Opens a recorded run: what `scripts/record_golden.py` writes, or outputs and inputs in a file each.
  ///
  /// - Parameters:
  ///   - path: The file of the outputs, of any format.
  ///   - inputs: The file of the inputs, if they are not in the same one.
  ///   - options: How the files are opened.
  /// - Throws: What `Checkpoint/open(_:options:)` and `init(_:inputs:file:)` throw.
  public init(
    opening path: String, inputs: String? = nil, options: OpenOptions = OpenOptions()
  ) throws(CheckpointError) {
    let graph = try Checkpoint.open(path, options: options).graph
    var other: WeightGraph?
    if let inputs { other = try Checkpoint.open(inputs, options: options).graph }
    try self.init(graph, inputs: other, file: path)
  }
}

/// Runs a model on what a recorded run was given, and compares; see `verify(_:against:tolerance:positions:)`.
///
/// - Parameters:
///   - model: The model.
///   - path: The record; see `GoldenRecord/init(opening:inputs:options:)`.
///   - inputs: The file of its inputs, if they are not in the same one.
///   - tolerance: What counts as equal; nil for the default of the record's type.
///   - positions: Which positions are compared.
public func verify(
  _ model: any LanguageModel, golden path: String, inputs: String? = nil,
  tolerance: Tolerance? = nil, positions: ComparedPositions = .all
) throws(CheckpointError) -> VerificationReport {
  try verify(
    model, against: try GoldenRecord(opening: path, inputs: inputs), tolerance: tolerance,
    positions: positions)
}

extension VerificationReport.Output {
  /// What another program computed and put into a file, of any format; the record's inputs, if they are in it too, are left
  /// out.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - golden: The record.
  ///   - options: How the file is opened.
  /// - Throws: What `Checkpoint/open(_:options:)` and reading throw; `malformed` for a tensor that is not of real numbers.
  public static func all(
    in path: String, beside golden: GoldenRecord, options: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> [VerificationReport.Output] {
    var outputs: [VerificationReport.Output] = []
    for (name, weight) in try Checkpoint.open(path, options: options).graph.weights
    where golden.inputs[name] == nil && !GoldenRecord.inputNames.contains(name) {
      guard weight.dtype.category == .real else {
        throw CheckpointError(
          .malformed, file: path, tensor: name.string,
          "an output of type \(weight.dtype), expected real numbers")
      }
      outputs.append(
        VerificationReport.Output(name: name, shape: weight.shape, values: try weight.floats()))
    }
    return outputs
  }
}
