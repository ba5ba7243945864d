public import Adapters
public import CheckpointBytes
internal import Checkpoints
internal import Conversion
internal import OrderedCollections
internal import WeightGraph

extension AdapterExtraction {
  /// Writes the adapter as PEFT saves one: `adapter_config.json` and `adapter_model.safetensors`.
  ///
  /// - Parameters:
  ///   - directory: Where the files go; it is made if it is not there.
  ///   - replacesExisting: True if files of these names may be replaced.
  /// - Throws: `inconsistent` if one is there and may not be, `inputOutput`.
  public func write(
    to directory: String, replacesExisting: Bool = false
  ) throws(CheckpointError) {
    try AdapterFiles(document: document, weights: weights).write(
      to: directory, replacesExisting: replacesExisting)
  }
}

/// What PEFT saves of an adapter.
struct AdapterFiles {
  /// `adapter_config.json`.
  let document: JSONValue
  /// `adapter_model.safetensors`.
  let weights: WeightGraph

  func write(to directory: String, replacesExisting: Bool) throws(CheckpointError) {
    let settings = Directory.join(directory, LowRankAdapter.configurationName)
    if !replacesExisting, try PathKind(path: settings) != .nothing {
      throw CheckpointError(
        .inconsistent, file: settings, "exists already",
        remedy: "use \(remedy: .replaceExisting) to replace it")
    }
    try Directory.makeUnlessThere(directory)
    var options = ConversionOptions()
    options.replacesExisting = replacesExisting
    try weights.write(
      to: Directory.join(directory, LowRankAdapter.weightNames[0]), options: options)
    let file = try OutputFile(path: settings)
    try file.write(Array((JSONWriter.text(document, style: .indented) + "\n").utf8), at: 0)
    try file.commit()
  }
}
