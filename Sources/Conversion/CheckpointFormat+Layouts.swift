package import Checkpoints
package import LayoutRules

extension CheckpointFormat {
  /// The layout whose names the classes of Transformers look for in files of this format.
  package var usualLayout: Layout { self == .hdf5 ? .tensorFlow : .transformers }

  /// The name that Transformers, or KerasHub for its own layout, gives such a file in a model directory.
  ///
  /// - Parameter layout: That of the names in the file; nil for one that no framework reads.
  func directoryFileName(_ layout: Layout?) -> String {
    switch (self, layout) {
    case (.safetensors, _): "model.safetensors"
    case (.pytorch, _): "pytorch_model.bin"
    case (.hdf5, .tensorFlow): "tf_model.h5"
    case (.hdf5, .kerasHub): KerasPreset.backboneFiles[0]
    case (.hdf5, _): "model.h5"
    }
  }
}
