public import CheckpointBytes
internal import Conversion
public import LanguageModels
internal import OrderedCollections
internal import Verification
internal import WeightGraph

extension ModelOutputs {
  /// Writes the results to a file as float32 tensors under their names: with the file of the inputs, a golden record.
  ///
  /// The extension gives the format, safetensors where it says nothing. An existing file is replaced when all is written.
  /// - Parameters:
  ///   - path: The file.
  ///   - model: What computed them, with which options: the metadata says so.
  ///   - options: What it was asked for.
  /// - Throws: `inputOutput` if the file cannot be written.
  public func write(
    to path: String, of model: any LanguageModel, options: RunOptions
  ) throws(CheckpointError) {
    var graph = WeightGraph()
    for output in all {
      try graph.insert(
        try Weight(output.values, shape: output.dimensions), as: ExactName(output.name))
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
    try graph.write(overAnyFileAt: path)
  }
}
