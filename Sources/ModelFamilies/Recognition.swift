public import CheckpointBytes
public import LanguageModels
public import LayoutRules
public import WeightGraph

// The mechanisms below this module know no family; here they are given all of them.

extension DescribedFamily {
  /// All families that are known.
  public static var families: FamilyList { .all }
}

extension ModelFamily {
  /// The family of a name, as `model_type` has it; nil if it is not known.
  public init?(named name: String) {
    guard let family = FamilyList.all[name] else { return nil }
    self = family
  }
}

extension Recognition {
  /// Looks for a model of any family; see `init(_:among:)`.
  public init(_ graph: WeightGraph) throws(CheckpointError) {
    try self.init(graph, among: .all)
  }

  /// Looks for a model; what keeps the weights from being one is told to whoever needs it.
  package static func result(of graph: WeightGraph) -> Result<Recognition, CheckpointError> {
    Result { () throws(CheckpointError) in try Recognition(graph) }
  }
}

extension RecognizedModel {
  /// Recognises a checkpoint from names and shapes among all families; see `init(_:among:family:head:task:)`.
  public init(
    _ graph: WeightGraph, family: ModelFamily? = nil, head: ModelHead? = nil, task: String? = nil
  ) throws(CheckpointError) {
    try self.init(graph, among: .all, family: family, head: head, task: task)
  }
}

extension ModelConfiguration {
  /// Reads a configuration of any family; see `init(parsing:file:task:among:family:)`.
  public init(
    parsing bytes: [UInt8], file: String, task: (bytes: [UInt8], file: String)? = nil,
    family: @autoclosure () -> ModelFamily? = nil
  ) throws(CheckpointError) {
    try self.init(parsing: bytes, file: file, task: task, among: .all, family: family())
  }
}
