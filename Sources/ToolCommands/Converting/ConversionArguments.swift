internal import ArgumentParser
internal import Weighbridge

/// What a conversion changes.
struct ConversionArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      How a model of a known family is named and shaped: transformers, tf (tf_model.h5), keras-hub; flat keeps \
      everything as it is; auto is tf for .h5 and transformers for what has other names.
      """, valueName: "layout"))
  var layout = "auto"

  @Flag(
    help: """
      Leave aside what is not the model, of any architecture: states of optimizers and of the training loop, averages \
      beside the weights, plain values. Each is listed with its reason.
      """)
  var weightsOnly = false

  @Option(
    help: ArgumentHelp(
      "Leave out a model's parameter that the source lacks, if its name matches. Repeatable.",
      valueName: "pattern"))
  var allowMissing: [String] = []

  @Option(
    help: ArgumentHelp(
      "Let go of a parameter that the layout does not hold, if its name matches. Repeatable.",
      valueName: "pattern"))
  var allowLoss: [String] = []

  @OptionGroup var filling: FillingOptions

  @Option(
    help: ArgumentHelp(
      "The number of attention heads, where neither weights nor a configuration tell it.",
      valueName: "count"))
  var attentionHeads: Int?

  @Option(
    help: ArgumentHelp(
      "Of several classification heads of fairseq, the one to take.", valueName: "name"))
  var task: String?

  @Option(
    help: ArgumentHelp(
      """
      Cast tensors of the same category to this type (F16, BF16, float32, fp16, half…); int8 rounds the matrices of a known \
      model's layers to steps of a scale, and a type of numbers takes such steps back to what they stand for.
      """, valueName: "type"))
  var dtype: String?

  @Option(
    help: ArgumentHelp(
      "Merge a LoRA adapter of PEFT into the weights: the directory that holds its adapter_config.json.",
      valueName: "directory"))
  var adapter: String?

  @Option(
    help: ArgumentHelp(
      "Write shards of at most this size, with an index (5GB, 500MB).", valueName: "size"))
  var maxShardSize: String?

  @Option(
    help: ArgumentHelp(
      "Take only tensors whose name matches; * and ? are wildcards. Repeatable.",
      valueName: "pattern"))
  var include: [String] = []

  @Option(
    help: ArgumentHelp(
      "Leave out tensors whose name matches. Repeatable.", valueName: "pattern"))
  var exclude: [String] = []

  @Option(
    help: ArgumentHelp(
      "Give tensors new names: 'FROM=>TO', * carries over ('model.*=>*'). Repeatable; the first that matches counts.",
      valueName: "from=>to"))
  var rename: [String] = []

  /// The options that the words mean.
  ///
  /// - Throws: a `ValidationError` for words that mean nothing.
  func options() throws -> ConversionOptions {
    var options = ConversionOptions()
    guard let choice = LayoutChoice(argumentText: layout) else {
      let choices = LayoutChoice.all.map(\.argumentText).joined(separator: ", ")
      throw ValidationError("--layout \(layout): expected one of \(choices)")
    }
    options.layout = choice
    options.weightsOnly = weightsOnly
    options.allowMissing = allowMissing.map { NamePattern($0) }
    options.allowLoss = allowLoss.map { NamePattern($0) }
    options.fillZeros = filling.patterns
    options.task = task
    options.attentionHeads = attentionHeads
    if let dtype {
      guard let value = DType(argumentText: dtype) else {
        throw ValidationError("--dtype \(dtype): expected a type such as F32, F16 or BF16")
      }
      options.dtype = value
    }
    if let maxShardSize {
      guard let value = ByteSize.parse(maxShardSize) else {
        throw ValidationError("--max-shard-size \(maxShardSize): expected a size such as 5GB")
      }
      options.maximumShardSize = value
    }
    options.include = include.map { NamePattern($0) }
    options.exclude = exclude.map { NamePattern($0) }
    for text in rename {
      guard let rule = RenameRule(text) else {
        throw ValidationError(
          "--rename '\(text)': expected 'FROM=>TO', with no more wildcards in TO than in FROM")
      }
      options.rename.append(rule)
    }
    return options
  }
}
