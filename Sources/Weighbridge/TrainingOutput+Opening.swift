public import CheckpointBytes
public import LanguageModels
internal import LayoutRules
internal import ModelDirectories
public import Training

extension TrainingOutput {
  /// The files of a tokenizer, and what says how texts are generated.
  private static let companions = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model",
    "generation_config.json", "chat_template.jinja",
  ]

  /// An output that saves a model as a directory which Transformers loads, with the tokenizer that lay beside it.
  ///
  /// - Parameters:
  ///   - directory: Where a run is written.
  ///   - model: The model with its tokenizer.
  ///   - adapter: The adapter that is saved in place of the model; nil for the model.
  ///   - source: Where the tokenizer lies.
  public init(
    _ directory: String, of model: any LanguageModel, adapter: TrainedAdapter? = nil,
    tokenizerFrom source: ModelSource
  ) throws(CheckpointError) {
    let place = source.directory
    try self.init(directory) { path throws(CheckpointError) in
      if let adapter {
        try adapter.save(of: model, to: path, replacesExisting: true)
      } else {
        var options = ConversionOptions()
        options.replacesExisting = true
        try model.save(to: path, options: options, companions: .settings)
      }
      for name in Self.companions {
        let file = Directory.join(place, name)
        guard try PathKind(path: file) == .file else { continue }
        let bytes = try SourceFile(path: file)
        let copy = try OutputFile(path: Directory.join(path, name))
        try copy.write(bytes.bytes(at: 0, count: bytes.size), at: 0)
        try copy.commit()
      }
    }
  }
}
