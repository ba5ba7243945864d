internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

extension PretrainedConfig {
  /// The share of numbers that training leaves out at a place.
  ///
  /// - Throws: `malformed` for a value that is no number within 0 and 1.
  func rate(of setting: DropoutSetting) throws(CheckpointError) -> Float {
    let reader = try SettingsReader(stored, file: nil)
    for key in setting.keys.map({ ExactName($0) }) {
      guard let value = reader.value(key), value != .null else { continue }
      let rate = try reader.number(key, default: setting.standard)
      guard (0...1).contains(rate) else {
        throw reader.failure(.malformed, key, "expected a share within 0 and 1, found \(rate)")
      }
      return Float(rate)
    }
    return Float(setting.standard)
  }

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
