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
  /// The extension of weights in a model directory.
  var directoryFileExtension: String {
    switch self {
    case .safetensors: ".safetensors"
    case .pytorch: ".bin"
    case .hdf5: ".h5"
    }
  }

  /// The base name by which a library other than Transformers finds weights, whatever their format; nil for other files. PEFT 0.17
  /// looks for `adapter_model` (`peft/utils/constants.py`), diffusers 0.35 for the others (`diffusers/utils/constants.py`,
  /// `loaders/lora_base.py`).
  static func ownBaseName(of fileName: String) -> String? {
    ["adapter_model", "diffusion_pytorch_model", "pytorch_lora_weights"].first { base in
      guard fileName.utf8.starts(with: base.utf8) else { return false }
      // An extension, a number of a shard, or an index of shards.
      let next = fileName.utf8.dropFirst(base.utf8.count).first
      return next == UInt8(ascii: ".") || next == UInt8(ascii: "-")
    }
  }
}
