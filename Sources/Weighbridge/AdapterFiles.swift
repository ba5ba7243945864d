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
  ///   - settings: `config.json` of the second checkpoint, which goes beside the adapter: it says what its head is for, as PEFT's files do
  ///     not. Nil for none; of another form than Transformers' it stays away.
  ///   - replacesExisting: True if files of these names may be replaced.
  /// - Throws: `inconsistent` if one is there and may not be, `inputOutput`.
  public func write(
    to directory: String, settings: JSONValue? = nil, replacesExisting: Bool = false
  ) throws(CheckpointError) {
    try AdapterFiles(
      document: document, weights: weights,
      modelSettings: settings?["model_type"] == nil ? nil : settings
    ).write(to: directory, replacesExisting: replacesExisting)
  }
}

/// What PEFT saves of an adapter, and the settings of the model beside it.
struct AdapterFiles {
  /// `adapter_config.json`.
  let document: JSONValue
  /// `adapter_model.safetensors`.
  let weights: WeightGraph
  /// `config.json`, which has the labels; nil for none.
  let modelSettings: JSONValue?

  func write(to directory: String, replacesExisting: Bool) throws(CheckpointError) {
    // The adapter's own come last: a directory that has them is one.
    let documents = [
      (LowRankAdapter.modelSettingsName, modelSettings),
      (LowRankAdapter.configurationName, document),
    ].compactMap { name, document in
      document.map { (path: Directory.join(directory, name), document: $0) }
    }
    for (path, _) in documents where !replacesExisting {
      guard try PathKind(path: path) == .nothing else {
        throw CheckpointError(
          .inconsistent, file: path, "exists already",
          remedy: "use \(remedy: .replaceExisting) to replace it")
      }
    }
    var options = ConversionOptions()
    options.replacesExisting = replacesExisting
    let isNew = try PathKind(path: directory) == .nothing
    try Directory.makeUnlessThere(directory)
    do throws(CheckpointError) {
      // Written before the weights are in place: an adapter is all files.
      let files = try documents.map { (path, document) throws(CheckpointError) in
        let file = try OutputFile(path: path)
        try file.write(Array((JSONWriter.text(document, style: .indented) + "\n").utf8), at: 0)
        return file
      }
      try weights.write(
        to: Directory.join(directory, LowRankAdapter.weightNames[0]), options: options)
      for file in files { try file.commit() }
    } catch {
      if isNew { Directory.removeIfEmpty(directory) }
      throw error
    }
  }
}
