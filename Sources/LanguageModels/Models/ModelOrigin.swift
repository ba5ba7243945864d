/// Where a model was opened: what lies there beside the weights goes along when it is saved.
package struct ModelOrigin: Sendable {
  /// The path that was opened.
  package let path: String
  /// The files that hold the weights.
  package let weightFiles: [String]
  /// True if what lies there is in the form of KerasHub's presets.
  package let isPreset: Bool

  package init(path: String, weightFiles: [String], isPreset: Bool) {
    self.path = path
    self.weightFiles = weightFiles
    self.isPreset = isPreset
  }
}
