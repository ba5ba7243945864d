internal import CheckpointBytes
internal import TensorValues

/// A convention of names and shapes.
public enum Layout: String, Sendable, Hashable, CaseIterable {
  /// Transformers' PyTorch names: the canonical ones.
  case transformers
  /// `tf_model.h5`, as Transformers' TensorFlow classes wrote it.
  case tensorFlow = "tf"
  /// KerasHub's `.weights.h5`.
  case kerasHub = "keras-hub"
  /// The names of OpenAI's GPT-2.
  case openAI = "openai"
  /// The names of Google's BERT.
  case google
  /// The names of fairseq's RoBERTa.
  case fairseq
}

/// The rules of one layout for one family: a class, so that it is not copied with everything that was read by it.
package final class LayoutTable: Sendable {
  package let layout: Layout
  package let rules: [LayoutRule]
  /// The heads that the layout has; nil for all.
  let heads: Set<ModelHead>?
  /// The heads that are meant wherever they fit: the layout keeps a head of pre-training beside them, or has no other.
  let taskHeads: Set<ModelHead>
  /// True if a body without a pooler cannot be written: the layout's own reader would miss it.
  let needsPooler: Bool
  /// The parameters that it does not hold. Those that are tied to others need no mention.
  let absent: [AbsentParameter]
  /// What is known to lie beside the parameters.
  let drops: [KnownExtra]
  /// What is to lie beside the parameters.
  let surplus: [SurplusWeight]
  /// What stands for `{body}` with a head on top, and without.
  let bodies: (headed: String, bare: String)
  /// True if the names of the body alone say whether there is a head.
  let isHeadedByBody: Bool
  /// True if the names of a whole model may stand in a scope of its own.
  let hasScopes: Bool
  /// What ends a wrapper: models of Keras stand before TensorFlow's names as paths.
  let wrapperEnd: UInt8

  package init(
    layout: Layout, rules: [LayoutRule], heads: Set<ModelHead>? = nil,
    taskHeads: Set<ModelHead> = [], needsPooler: Bool = false, absent: [AbsentParameter] = [],
    drops: [KnownExtra] = [], surplus: [SurplusWeight] = [],
    bodies: (headed: String, bare: String) = ("", ""),
    isHeadedByBody: Bool = false, hasScopes: Bool = false, wrapperEnd: UInt8 = UInt8(ascii: ".")
  ) {
    self.layout = layout
    self.rules = rules
    self.heads = heads
    self.taskHeads = taskHeads
    self.needsPooler = needsPooler
    self.absent = absent
    self.drops = drops
    self.surplus = surplus
    self.bodies = bodies
    self.isHeadedByBody = isHeadedByBody
    self.hasScopes = hasScopes
    self.wrapperEnd = wrapperEnd
  }

  /// The tables of a layout, the one to write first.
  static func tables(_ layout: Layout, _ family: ModelFamily) -> [LayoutTable] {
    family.tables.filter { $0.layout == layout }
  }
}
