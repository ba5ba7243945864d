public import CheckpointBytes
internal import Checkpoints
internal import Conversion
public import LanguageModels
internal import OrderedCollections
internal import TensorValues
internal import Verification
internal import WeightGraph

extension ModelOutputs {
  /// Writes the results to a file as float32 tensors under their names: with the file of the inputs, a golden record.
  ///
  /// The extension gives the format, safetensors where it says nothing. An existing file is replaced when all is written.
  /// - Parameters:
  ///   - model: What computed them, with which options: the metadata says so.
  /// - Throws: `inputOutput` if the file cannot be written.
  public func write(
    to path: String, of model: any LanguageModel, options: RunOptions
  ) throws(CheckpointError) {
    var graph = WeightGraph()
    for output in all {
      try graph.insert(
        try Weight(output.values, output.dimensions, origin: output.name),
        as: ExactName(output.name))
    }
    // As `eager` and `sdpa` treat tokens that may see nothing.
    let blindRows = options.blindRows(of: model.configuration)
    let origin = JSONValue.object([
      JSONValue.Member("version", .integer(1)),
      JSONValue.Member("class", .string(type(of: model).className)),
      JSONValue.Member("dtype", .string("float32")),
      JSONValue.Member("attention", .string(blindRows == .average ? "eager" : "sdpa")),
    ])
    graph.facts.metadata = .entries([GoldenRecord.Origin.key: JSONWriter.text(origin)])
    try graph.write(to: path)
  }
}

/// Writes one float32 tensor to a file, which is replaced if it exists; the extension gives the format, safetensors where it
/// says nothing.
///
/// - Throws: `inconsistent` if there are not as many values as the extents say, `inputOutput` if the file cannot be written.
package func writeTensor(
  _ values: [Float], dimensions: [Int], named name: ExactName, to path: String
) throws(CheckpointError) {
  var graph = WeightGraph()
  try graph.insert(try Weight(values, dimensions, origin: name.string), as: name)
  try graph.write(to: path)
}

extension Weight {
  /// Numbers in memory.
  ///
  /// - Throws: `inconsistent` if there are not as many as the extents say.
  init(
    _ values: [Float], _ dimensions: [Int], origin: String
  ) throws(CheckpointError) {
    guard let shape = Shape(dimensions), shape.elementCount == values.count
    else {
      throw CheckpointError(
        .inconsistent, tensor: origin,
        "\(values.count) numbers for extents \(dimensions)")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count * 4)
    for value in values {
      let bits = value.bitPattern
      for shift in [UInt32(0), 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    }
    self.init(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: origin), dtype: .f32,
        layout: StridedLayout(packed: shape)))
  }
}

extension WeightGraph {
  /// Writes weights to a file, which is replaced if it exists.
  func write(to path: String) throws(CheckpointError) {
    let kind = try PathKind(path: path)
    guard kind == .file || kind == .nothing else {
      throw CheckpointError(.inputOutput, file: path, "is not a regular file and is not replaced")
    }
    var options = ConversionOptions()
    options.format = CheckpointFormat(fileName: path) ?? .safetensors
    options.layout = .flat
    options.replacesExisting = true
    let checkpoint = Checkpoint(format: .safetensors, container: "memory", graph: self)
    _ = try ConversionPlan(checkpoint, named: path, to: path, options: options).run()
  }
}
