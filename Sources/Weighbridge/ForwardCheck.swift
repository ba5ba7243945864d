public import CheckpointBytes
public import Checkpoints
public import Conversion
public import ModelFamilies
internal import LayoutRules
internal import ModelDirectories
internal import OrderedCollections
internal import TensorValues
public import Verification
internal import WeightGraph

/// A model's outputs on seeded inputs, for comparing a converted checkpoint with its source.
public struct ForwardCheck: Sendable {
  /// The class that is run.
  public let modelClass: ModelClass
  private let record: GoldenRecord

  /// Runs the source once: two sequences of tokens, one of them shorter if the model has a padding token, hidden states
  /// included.
  ///
  /// - Parameters:
  ///   - source: The model that is the measure.
  ///   - className: One of `ModelClass/names`; the first that the settings name if nil.
  ///   - seed: What the tokens are drawn from.
  /// - Throws: What ``ModelSource/modelClass(named:)`` and ``ModelSource/load(_:options:)`` throw: `unsupported` or `notFound`
  ///   for what is no model that runs.
  public init(
    _ source: ModelSource, class className: String? = nil, seed: UInt64 = 0
  ) throws(CheckpointError) {
    modelClass = try source.modelClass(named: className)
    let model = try source.load(modelClass.type)
    let inputs = try model.seededInputs(seed)
    var graph = WeightGraph()
    for (name, array) in inputs.arguments {
      try graph.insert(
        try Weight(array.elements.map { Int64($0) }, shape: array.dimensions), as: ExactName(name))
    }
    for output in try model(inputs, options: RunOptions(extras: .hiddenStates)).all {
      try graph.insert(
        try Weight(output.values, shape: output.dimensions), as: ExactName(output.name))
    }
    record = try GoldenRecord(graph)
  }

  /// Runs the other checkpoint on the same inputs.
  ///
  /// - Parameters:
  ///   - other: The model that is compared with it.
  ///   - tolerance: How far outputs may lie apart; by default not at all.
  /// - Throws: What loading and running throw. A difference is no error.
  public func compare(
    _ other: ModelSource, tolerance: Tolerance = Tolerance()
  ) throws(CheckpointError) -> VerificationReport {
    try verify(try other.load(modelClass.type), against: record, tolerance: tolerance)
  }
}

extension ConversionPlan {
  /// Converts as `run(progress:checking:)` does, and puts the destination in place only if it computes what the source
  /// does: the same outputs bit for bit, and within the tolerance of the narrower type where weights are cast.
  ///
  /// - Parameters:
  ///   - source: The checkpoint that is converted, with its settings.
  ///   - options: Those that the plan was made with.
  ///   - className: The class to run; the first that the settings name if nil.
  ///   - progress: Is told how far it is.
  /// - Throws: `mismatch` if outputs differ, naming the first; what ``ForwardCheck`` and `run(progress:checking:)` throw.
  public func runVerifyingForward(
    _ source: ModelSource, options: ConversionOptions, class className: String? = nil,
    progress: ProgressHandler? = nil
  ) throws(CheckpointError) -> (receipt: ConversionReceipt, report: VerificationReport) {
    let check = try ForwardCheck(source, class: className)
    let settings = try source.settings(converted: receipt, options, quantization)
    var tolerance = Tolerance()
    if !receipt.casts.isEmpty || options.adapter != nil {
      // Products are of the types that weights are stored in: the coarsest one of both sides counts.
      let types = Set(source.checkpoint.graph.weights.values.map(\.dtype)).union(
        [options.dtype].compactMap(\.self))
      tolerance =
        types.map { Tolerance.standard(computedIn: $0) }.max { $0.relative < $1.relative }
        ?? .float32
    }
    var report: VerificationReport?
    let path = receipt.files.first?.path ?? source.path
    let format = receipt.format
    let result = try run(progress: progress) { (written) throws(CheckpointError) in
      let destination = try ModelSource(
        path, directory: source.directory,
        checkpoint: Checkpoint(format: format, container: "written", graph: written),
        settings: settings, companions: nil, limits: source.limits)
      let compared = try check.compare(destination, tolerance: tolerance)
      guard compared.isEqual else {
        throw CheckpointError(
          .mismatch, file: path, tensor: compared.firstDivergence?.name.string,
          "outputs differ from the source's: "
            + VerificationSummary(compared).lines.prefix(2).joined(separator: "; "),
          remedy: "nothing was put in place")
      }
      report = compared
    }
    guard let report else {
      throw CheckpointError(.inconsistent, file: path, "the forward pass was not compared")
    }
    return (result, report)
  }
}

extension ModelSource {
  /// The settings that lie beside the weights after a conversion.
  fileprivate func settings(
    converted receipt: ConversionReceipt, _ options: ConversionOptions,
    _ quantization: QuantizationChange
  ) throws(CheckpointError) -> ModelConfiguration {
    guard let layout = receipt.layout else { return settings }
    var plan = try DirectoryCompanions(path, weights: checkpoint.files, limits: limits)
      .taking(headOf: options.adapter)
      .taking(labelsOf: options.adapter, in: layout.model.architecture)
      .plan(
        for: layout.to, of: layout.model.architecture, attentionHeads: options.attentionHeads,
        dtype: options.dtype)
    try plan.apply(quantization, limits)
    guard let bytes = try plan.bytes("config.json", limits) else { return settings }
    return try ModelConfiguration(
      parsing: bytes, file: configurationFile,
      task: try plan.bytes("task.json", limits).map { (bytes: $0, file: "task.json") },
      family: layout.model.architecture.family)
  }
}

extension LanguageModel {
  /// Tokens for a model to be tried with.
  fileprivate func seededInputs(_ seed: UInt64) throws(CheckpointError) -> ModelInputs {
    let sizes = info.architecture.sizes
    let length = max(1, min(24, longestInput / 2))
    let padding = configuration.padTokenID.flatMap {
      (0..<sizes.vocabulary).contains($0) ? $0 : nil
    }
    let rows = padding == nil ? 1 : 2
    let hasChoices = Self.head == .multipleChoice || Self.head == .doubleHeads
    let dimensions = hasChoices ? [rows, 2, length] : [rows, length]
    let count = dimensions.reduce(1, *)
    var generator = SeededNumbers(seed)
    func tokens(below bound: Int) -> [Int] {
      (0..<count).map { _ in Int(generator.next() % UInt64(max(1, bound))) }
    }
    var ids = tokens(below: sizes.vocabulary)
    var mask = [Int](repeating: 1, count: count)
    if let padding {
      // The padding token stands at the end of the last sequence only: some classes look for it.
      let other = padding == 0 ? 1 : 0
      for place in ids.indices where ids[place] == padding { ids[place] = other }
      for place in (count - length / 3)..<count {
        ids[place] = padding
        mask[place] = 0
      }
    }
    var inputs = ModelInputs(inputIDs: try TokenArray(dimensions: dimensions, elements: ids))
    inputs.attentionMask = try TokenArray(dimensions: dimensions, elements: mask)
    if takesTokenTypes(given: nil) {
      inputs.tokenTypeIDs = try TokenArray(
        dimensions: dimensions, elements: tokens(below: sizes.tokenTypes))
    }
    return inputs
  }
}

extension ModelInputs {
  /// The arrays that are there, by Transformers' names.
  fileprivate var arguments: [(String, TokenArray)] {
    let arrays = [inputIDs, attentionMask, tokenTypeIDs, positionIDs, choiceTokenIDs]
    return zip(Self.argumentNames, arrays).compactMap { name, array in
      array.map { (name, $0) }
    }
  }
}
