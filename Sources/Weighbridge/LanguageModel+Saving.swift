public import CheckpointBytes
internal import Checkpoints
public import Conversion
public import LanguageModels
internal import LayoutRules
internal import ModelDirectories
internal import WeightGraph

/// What goes beside the weights of a model that is saved.
public enum SavedCompanions: Sendable, Hashable {
  /// The model's settings, and whatever lay beside the weights where the model was opened: tokenizer, settings for generation,
  /// documentation. It is taken from there when the model is saved.
  case everything
  /// The model's settings, `config.json`, and nothing else.
  case settings
}

extension LanguageModel {
  /// Saves the model: its parameters as they are now, its settings and its tokenizer, as a directory that Transformers loads, or
  /// as whatever format and layout the options name.
  ///
  ///     try model.save(to: "sentiment")
  ///     try model.save(to: "sentiment/tf_model.h5")
  ///
  /// Nothing is read from the weights that the model was loaded from: the numbers are the model's own, bit for bit, in the types
  /// that they had there (`ParameterSet/storedType(of:)`). What is written is opened again and compared before it is put in
  /// place, as with every conversion.
  /// - Parameters:
  ///   - path: A directory, or a file whose extension names a format. Existing files are not replaced unless that is asked for.
  ///   - options: As for ``Conversion/ConversionPlan``. With the automatic layout names are Transformers', and TensorFlow's in
  ///     HDF5.
  ///   - companions: What goes beside the weights in a directory.
  /// - Returns: What was written, and what the layout or the format had no place for.
  /// - Throws: `inconsistent` for a destination that exists; `unsupported` for what the layout or the format cannot hold;
  ///   `inputOutput` if something cannot be written, or if what the model was opened with is gone.
  @discardableResult
  public func save(
    to path: String, options: ConversionOptions = ConversionOptions(),
    companions: SavedCompanions = .everything
  ) throws(CheckpointError) -> ConversionReceipt {
    let name = Self.className
    let checkpoint = Checkpoint(
      format: .safetensors, container: "model in memory", graph: try parameters.graph())
    var options = options
    if options.layout == .automatic {
      let named =
        try PathKind(path: path) == .directory
        ? nil : CheckpointFormat(fileName: splitPath(path).name)
      let format = options.format ?? named
      // A tied weight is written under the name that Transformers looks for.
      options.layout = .layout((format ?? .safetensors).usualLayout)
    }
    let plan = try ConversionPlan(
      checkpoint, named: name, to: path, options: options,
      companions: try self.companions(companions, destination: path))
    return try plan.run()
  }

  /// `config.json` of the model as it is.
  func savedSettings() throws(CheckpointError) -> JSONValue {
    let architectures = JSONValue.array([.string(Self.className)])
    let settings = try configuration.document.setting("architectures", to: architectures)
    // What the numbers were stored as, if they are kept as such no more.
    return parameters.contains { $0.element == .int8 }
      ? settings : settings.setting("quantization_config", to: nil)
  }

  /// The files beside the weights in Transformers' form.
  private func companions(
    _ companions: SavedCompanions, destination: String
  ) throws(CheckpointError) -> DirectoryCompanions {
    var settings = try savedSettings()
    // Transformers rounds all weights to the type that is stated: none of them is to lose anything.
    if parameters.contains(where: { parameters.storedType(of: $0) == .f32 }) {
      settings = settings.stating(weights: .f32) ?? settings
    }
    let text = JSONWriter.text(settings, style: .indented) + "\n"
    var files = [CompanionFile(path: "config.json", content: .bytes(Array(text.utf8)))]
    guard companions == .everything, let origin = info.origin else {
      return DirectoryCompanions(files: files, named: Self.className)
    }
    do throws(CheckpointError) {
      // What lies around it is none of the model's.
      guard try PathKind(path: origin.path) != .nothing else {
        throw CheckpointError(
          .inputOutput, file: origin.path,
          "is not there any more, and what lay beside the weights was to go along")
      }
      let found = try DirectoryCompanions(
        origin.path, weights: origin.weightFiles, destination: destination)
      let plan = try found.plan(
        for: origin.isPreset ? .transformers : nil,
        of: origin.isPreset ? info.architecture : nil)
      files += plan.files.filter { $0.path != "config.json" }
      return DirectoryCompanions(
        files: files, named: Self.className, omissions: plan.remarks.omissions)
    } catch {
      var error = error
      error.remedy = error.remedy ?? "save the model without what lay beside its weights"
      throw error
    }
  }
}
