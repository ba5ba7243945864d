internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules
internal import TensorEngine
internal import WeightGraph

extension SentenceLayer {
  /// Reads `LayerNorm` from the folder of a module.
  static func layerNorm(
    in folder: String, _ limits: ReadLimits
  ) throws(CheckpointError) -> SentenceLayer {
    let weights = try LayerWeights(folder, limits)
    let file = try SettingsFile(required: "config.json", in: folder, limits)
    let dimension = try file.reader().count("dimension")
    return .layerNorm(
      weight: try weights.values("norm.weight", [dimension]),
      bias: try weights.values("norm.bias", [dimension]))
  }

  /// Reads `Dense` from the folder of a module.
  static func dense(
    in folder: String, _ limits: ReadLimits
  ) throws(CheckpointError) -> SentenceLayer {
    let weights = try LayerWeights(folder, limits)
    let file = try SettingsFile(required: "config.json", in: folder, limits)
    try file.requireSentenceVectors()
    let reader = try file.reader()
    let inputs = try reader.count("in_features")
    let outputs = try reader.count("out_features")
    let hasBias = try reader.boolean("bias", default: true)
    var residual = Dense.Residual.none
    if try reader.boolean("use_residual", default: false) {
      residual =
        inputs == outputs
        ? .identity : .projected(try weights.values("residual.weight", [outputs, inputs]))
    }
    return .dense(
      Dense(
        weight: try weights.values("linear.weight", [outputs, inputs]),
        bias: hasBias ? try weights.values("linear.bias", [outputs]) : nil, inputs: inputs,
        outputs: outputs, activation: try activation(file), residual: residual))
  }

  /// `activation_function`, a class of PyTorch's by its path.
  private static func activation(_ file: SettingsFile) throws(CheckpointError) -> Activation {
    let key = "activation_function"
    guard let value = file.document[ExactName(key)] else { return .tanh }
    guard let path = value.string else { throw file.failure(.malformed, key, "expected a name") }
    let parts = path.split(separator: ".")
    if parts.starts(with: ["torch", "nn"]), let name = parts.last,
      let activation = activations[String(name)]
    {
      return activation
    }
    throw file.failure(
      .unsupported, key, "there is no \(quoted(path)) here",
      remedy:
        "there are \(activations.keys.sorted().joined(separator: ", ")) of torch.nn, with their defaults"
    )
  }

  /// Modules of `torch.nn` (2.13) with their defaults.
  private static let activations: [String: Activation] = [
    "Identity": .identity, "Tanh": .tanh, "ReLU": .relu, "GELU": .gelu, "SiLU": .silu,
    "Sigmoid": .sigmoid, "ReLU6": .relu6, "LeakyReLU": .leakyReLU, "Hardswish": .hardSwish,
    "Mish": .mish,
  ]
}

/// The weights of a module, in the format that it was saved in.
private struct LayerWeights {
  let path: String
  let graph: WeightGraph

  init(_ folder: String, _ limits: ReadLimits) throws(CheckpointError) {
    path = folder
    var options = OpenOptions()
    options.limits = limits
    graph = try Checkpoint.open(folder, options: options).graph
  }

  func values(_ name: String, _ dimensions: [Int]) throws(CheckpointError) -> [Float] {
    guard let weight = graph[name] else {
      throw CheckpointError(
        .notFound, CheckpointError.Site(file: path), tensor: name, "the module's weight is missing")
    }
    guard weight.shape.dimensions == dimensions else {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(file: path), tensor: name,
        "expected \(dimensions) by config.json, found \(weight.shape.dimensions)")
    }
    do throws(CheckpointError) {
      return try weight.floats()
    } catch {
      throw error.about(ExactName(name)).inFile(path)
    }
  }
}
