public import CheckpointBytes
public import LanguageModels
internal import OrderedCollections
public import TensorValues
internal import WeightGraph

/// Runs a model on what a recorded run was given, and compares what it computes with what was recorded.
///
/// The model computes what the record holds: hidden states and attentions if there are some in it. What only one of the two
/// has is a difference.
///
/// - Parameters:
///   - model: What is run.
///   - golden: The record.
///   - tolerance: What counts as equal; nil for the default of the type that the record was computed in
///     (`Tolerance/standard(computedIn:)`), or of int8 if the model's products are.
///   - positions: Which positions are compared; see ``ComparedPositions``.
/// - Throws: What running the model and reading the record throw. A difference is no error.
public func verify(
  _ model: any LanguageModel, against golden: GoldenRecord, tolerance: Tolerance? = nil,
  positions: ComparedPositions = .all
) throws(CheckpointError) -> VerificationReport {
  try verify(
    model, against: golden,
    criteria: VerificationCriteria(
      tolerance: tolerance ?? .standard(for: model, computedIn: golden.origin.dtype),
      positions: positions))
}

/// Runs a model on what a recorded run was given, and compares what it computes with what was recorded, by criteria for each
/// output; see ``verify(_:against:tolerance:positions:)``.
public func verify(
  _ model: any LanguageModel, against golden: GoldenRecord, criteria: VerificationCriteria
) throws(CheckpointError) -> VerificationReport {
  try VerificationReport(
    computed: try VerificationReport.Output.all(of: model, on: golden), by: model, golden: golden,
    criteria: criteria)
}

extension VerificationReport {
  /// Compares what a model computed with what was recorded, and knows the names of its modules.
  ///
  /// - Throws: What reading the record throws.
  package init(
    computed: [Output], by model: any LanguageModel, golden: GoldenRecord,
    criteria: VerificationCriteria
  ) throws(CheckpointError) {
    try self.init(
      computed: computed, golden: golden, criteria: criteria, modules: ModuleNames(model))
  }
}

extension VerificationReport.Output {
  /// What a model computes of the inputs of a record: what that one holds.
  ///
  /// - Throws: What running the model and reading the record throw.
  package static func all(
    of model: any LanguageModel, on golden: GoldenRecord
  ) throws(CheckpointError) -> [VerificationReport.Output] {
    let outputs = try model(try golden.modelInputs(), options: golden.runOptions)
    return try outputs.all.map { (output) throws(CheckpointError) in
      try VerificationReport.Output(ExactName(output.name), output.dimensions, output.values)
    }
  }
}

extension GoldenRecord {
  /// What the recorded model was given, labels too.
  ///
  /// - Throws: What reading throws.
  public func modelInputs() throws(CheckpointError) -> ModelInputs {
    guard inputs["input_ids"] != nil else {
      throw CheckpointError(
        .notFound, tensor: "input_ids", "the record does not hold what the model was given",
        remedy: "give the file of the inputs too")
    }
    var arguments = WeightGraph()
    for name in Self.inputNames {
      if let weight = inputs[name] { try arguments.insert(weight, as: name) }
    }
    return try ModelInputs(arguments)
  }

  /// What a run must compute to be compared with the record.
  ///
  /// Where a token sees nothing, Transformers' two ways of computing attention differ; the record says which it was. One
  /// that does not is taken for what Transformers does by itself.
  public var runOptions: RunOptions {
    var options = RunOptions()
    if hasHiddenStates { options.extras.insert(.hiddenStates) }
    if hasAttentions { options.extras.insert(.attentions) }
    switch origin.attention {
    case "eager": options.blindRows = .average
    case "sdpa": options.blindRows = .zero
    default: break
    }
    return options
  }
}
