package import CheckpointBytes
internal import OrderedCollections
package import WeightGraph

/// The states of optimizers in a checkpoint, under whatever name a program put them: told by what `state_dict()` of torch's optimizers
/// has, and not by a name, which may be a model's (`opt.decoder.layers`).
package struct OptimizerStates: Sendable {
  private let tops: Set<String>

  /// Looks at the names and the nesting of a checkpoint; reads nothing.
  package init(_ graph: WeightGraph) {
    // Hardly any checkpoint has a name of such a kind.
    var tops = Set(graph.weights.keys.filter(Self.isSlot).map(ModelPart.top))
    if !tops.isEmpty {
      for name in graph.weights.keys where !Self.isSlot(name) {
        tops.remove(ModelPart.top(of: name))
      }
    }
    if let tree = graph.facts.tree {
      for entry in tree.entriesOfDictionary ?? [] where entry.value.isOptimizer {
        if case .string(let key) = entry.key { tops.insert(key) }
      }
      // The dictionary itself, and not one among others.
      if tree.isOptimizer { tops.formUnion(Self.keys) }
    }
    self.tops = tops
  }

  package func contains(_ name: ExactName) -> Bool {
    !tops.isEmpty && tops.contains(ModelPart.top(of: name))
  }

  /// What `state_dict()` of an optimizer consists of.
  fileprivate static let keys = ["state", "param_groups"]

  /// What torch's optimizers keep for a parameter (2.13, `torch/optim`).
  private static let slots: Set<String> = [
    "step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer", "square_avg",
    "grad_avg", "acc_delta", "sum", "mu_product", "prev", "step_size", "eta", "mu", "ax",
    "row_var", "col_var", "variance",
  ]

  /// True for `state.0.exp_avg`, with or without one component in front of it and the number of one of several optimizers.
  private static func isSlot(_ name: ExactName) -> Bool {
    guard name.hasComponent(among: state) else { return false }
    let parts = name.string.utf8.split(separator: UInt8(ascii: ".")).map { String(Substring($0)) }
    guard let last = parts.last, slots.contains(last), let state = parts.firstIndex(of: "state")
    else { return false }
    return state + 2 < parts.count
      && (state < 2 || (state == 2 && parts[1].utf8.allSatisfy(Self.digits.contains)))
  }

  private static let state: [ExactName] = ["state"]
  private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
}

extension InertValue {
  /// True for what `state_dict()` of an optimizer is.
  fileprivate var isOptimizer: Bool {
    guard let entries = entriesOfDictionary else { return false }
    return OptimizerStates.keys.allSatisfy { key in entries.contains { $0.key == .string(key) } }
  }
}
