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

/// The rules of one layout for one family.
package struct LayoutTable: Sendable {
  let layout: Layout
  let family: ModelFamily
  package let rules: [LayoutRule]
  /// The heads that the layout has; nil for all.
  var heads: Set<ModelHead>?
  /// The heads that are meant wherever they fit: the layout keeps a head of pre-training beside them, or has no other.
  var taskHeads: Set<ModelHead> = []
  /// True if a body without a pooler cannot be written: the layout's own reader would miss it.
  var needsPooler = false
  /// The parameters that it does not hold. Those that are tied to others need no mention.
  var absent: [AbsentParameter] = []
  /// What is known to lie beside the parameters.
  var drops: [KnownExtra] = []
  /// What stands for `{body}` with a head on top, and without.
  var bodies: (headed: String, bare: String) = ("", "")
  /// True if the names of the body alone say whether there is a head.
  var isHeadedByBody = false
  /// True if the names of a whole model may stand in a scope of its own.
  var hasScopes = false
  /// What ends a wrapper: models of Keras stand before TensorFlow's names as paths.
  var wrapperEnd = UInt8(ascii: ".")

  /// The tables of a layout, the one to write first.
  static func tables(_ layout: Layout, _ family: ModelFamily) -> [LayoutTable] {
    family.definition.tables.filter { $0.layout == layout }
  }
}
