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

  /// The family of a checkpoint's weights, if names and shapes leave no choice.
  public init?(certainlyOf graph: WeightGraph) {
    self.init(certainlyOf: graph, among: .all)
  }
}

extension RecognizedModel {
  /// Recognises a checkpoint from names and shapes among all families; see ``init(_:among:family:head:task:)``.
  public init(
    _ graph: WeightGraph, family: ModelFamily? = nil, head: ModelHead? = nil, task: String? = nil
  ) throws(CheckpointError) {
    try self.init(graph, among: .all, family: family, head: head, task: task)
  }
}

extension ModelConfiguration {
  /// Reads a configuration of any family; see ``init(parsing:file:task:among:family:)``.
  public init(
    parsing bytes: [UInt8], file: String, task: (bytes: [UInt8], file: String)? = nil,
    family: @autoclosure () -> ModelFamily? = nil
  ) throws(CheckpointError) {
    try self.init(parsing: bytes, file: file, task: task, among: .all, family: family())
  }
}
