internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine
internal import TensorValues
internal import WeightGraph

/// What a model does about int8 while it takes its weights.
struct LoadedQuantization: Sendable {
  /// True if what is stored as steps is kept so, and rows of products become steps too.
  let keepsSteps: Bool
  /// The matrices, of layers and of a decoder's output, that become int8 though they are stored as numbers, and the dimensions of their outputs.
  let axes: [ExactName: Int]

  /// - Parameters:
  ///   - quantizes: True if these matrices become int8, however they are stored.
  ///   - document: The model's `config.json`: it may say that weights are only stored as steps.
  init(
    _ architecture: ModelArchitecture, quantizes: Bool, document: JSONValue
  ) throws(CheckpointError) {
    let stated = try QuantizationSettings(SettingsReader(document, file: nil))
    keepsSteps = quantizes || stated?.activations != .numbers
    var axes: [ExactName: Int] = [:]
    if quantizes {
      for matrix in architecture.layerMatrices { axes[matrix.name] = matrix.outputAxis }
      // Where it is the word embeddings they are looked up in it, for heads are made first.
      if let output = architecture.outputMatrix { axes[output.name] = 0 }
    }
    self.axes = axes
  }
}

/// A matrix of int8 with a scale for each output, as the engine has it.
struct QuantizedMatrix {
  let steps: Weight
  let scales: [Float]

  /// - Parameter weight: Steps and scales, or numbers, which are quantised.
  init(
    _ weight: Weight, outputs layout: PackedMatrix.Layout, named name: String
  ) throws(CheckpointError) {
    let (axis, count) = (layout.outputAxis, weight.shape.dimensions[layout.outputAxis])
    do throws(CheckpointError) {
      if let (steps, scales) = weight.scaledParts, steps.dtype == .i8,
        let values = try scales.scales(along: axis, count: count)
      {
        self.steps = steps
        self.scales = values
        return
      }
      guard let (steps, scales) = try weight.quantized(axis: axis).scaledParts,
        let values = try scales.scales(along: axis, count: count)
      else {
        throw CheckpointError(.inconsistent, "it has no scales")
      }
      self.steps = steps
      self.scales = values
    } catch {
      throw error.about(ExactName(name))
    }
  }
}

extension PackedMatrix.Layout {
  /// The dimension along which outputs lie.
  var outputAxis: Int { self == .outputByInput ? 0 : 1 }
}
