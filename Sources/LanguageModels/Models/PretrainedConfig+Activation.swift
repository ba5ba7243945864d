internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

extension PretrainedConfig {
  /// The activation of the feed-forward part.
  func bodyActivation() throws(CheckpointError) -> Activation {
    try Self.activation(activation, key: Family.family.definition.settings.activation.key)
  }

  /// The activation that Transformers knows by a name.
  static func activation(_ name: String, key: String) throws(CheckpointError) -> Activation {
    guard let activation = Activation(transformersName: name) else {
      throw inputFailure(
        .unsupported, key, "the activation \(quoted(name)) is not known",
        remedy: "supported are \(Activation.transformersNames.joined(separator: ", "))")
    }
    return activation
  }
}
