package import CheckpointBytes
internal import OrderedCollections
package import WeightGraph

/// Which of a checkpoint's names are the model's, whatever its architecture: not those that training leaves beside it, and
/// not averages of the weights that stand beside the weights.
package struct ModelPart: Sendable {
  /// What stands before all of the model's names, and is a dictionary of the file's own: `state_dict.`; empty if nothing does.
  package let prefix: String
  private let averages: Set<String>
  private let optimizers: OptimizerStates

  /// Looks at the names and the nesting of a checkpoint; reads nothing.
  package init(_ graph: WeightGraph) {
    optimizers = OptimizerStates(graph)
    var tops: OrderedSet<String> = []
    for name in graph.weights.keys
    where TrainingState.reason(for: name) == nil && !optimizers.contains(name) {
      tops.append(Self.top(of: name))
    }
    let others = tops.filter { !Self.averageNames.contains($0) }
    // Where nothing else is there, averages are the model.
    averages = others.isEmpty ? [] : Set(tops).subtracting(others)
    prefix =
      others.count == 1 && graph.facts.tree?.holdsDictionary(under: others[0]) == true
      ? others[0] + "." : ""
  }

  /// Why a name is none of the model's; nil if it may be one.
  package func reason(forLeaving name: ExactName) -> String? {
    reasonOfTraining(name)
      ?? (averages.contains(Self.top(of: name)) ? "an average of the weights, beside them" : nil)
  }

  /// What of training a name belongs to; nil if it is none of those that training leaves.
  private func reasonOfTraining(_ name: ExactName) -> String? {
    TrainingState.reason(for: name)
      ?? (optimizers.contains(name) ? TrainingState.reasonOfOptimizer : nil)
  }

  /// What training code calls averages of the weights (timm, torch's recipes, diffusers).
  private static let averageNames: Set<String> = [
    "ema", "ema_model", "ema_state_dict", "model_ema", "state_dict_ema", "params_ema",
    "swa_state_dict", "averaged_model",
  ]

  static func top(of name: ExactName) -> String {
    let bytes = name.string.utf8
    let end = bytes.firstIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }
    return String(name.string[..<(end ?? bytes.endIndex)])
  }
}

extension InertValue {
  /// True for a dictionary that has another one under a key.
  fileprivate func holdsDictionary(under key: String) -> Bool {
    guard let entries = entriesOfDictionary else { return false }
    return entries.contains { entry in
      guard case .string(let text) = entry.key, text == key else { return false }
      return entry.value.entriesOfDictionary != nil
    }
  }

  /// The entries of a dictionary, or of an object that is one (`OrderedDict`).
  var entriesOfDictionary: [Entry]? {
    switch self {
    case .dictionary(let entries): entries
    case .object(let object) where !object.items.isEmpty: object.items
    default: nil
    }
  }
}
