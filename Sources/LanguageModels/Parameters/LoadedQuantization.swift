internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine
internal import TensorValues
internal import WeightGraph

/// What a model does about int8 while it takes its weights.
struct LoadedQuantization: Sendable {
  /// True if what is stored as steps is kept so, and rows of products become steps too.
  let keepsSteps: Bool
  /// The matrices that become int8 though they are stored as numbers, and the dimensions of their outputs.
  let axes: [ExactName: Int]

  /// - Parameters:
  ///   - quantizes: True if the matrices of the layers become int8, however they are stored.
  ///   - document: The model's `config.json`: it may say that weights are only stored as steps.
  init(
    _ architecture: ModelArchitecture, quantizes: Bool, document: JSONValue
  ) throws(CheckpointError) {
    let stated = try QuantizationSettings(SettingsReader(document, file: nil))
    keepsSteps = quantizes || stated?.activations != .numbers
    let matrices = quantizes ? architecture.layerMatrices : []
    axes = Dictionary(
      matrices.map { ($0.name, $0.outputAxis) }, uniquingKeysWith: { first, _ in first })
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
