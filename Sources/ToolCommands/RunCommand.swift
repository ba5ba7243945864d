internal import ArgumentParser
internal import Weighbridge

/// `weighbridge run`: what a model computes, as a file of tensors.
struct RunCommand: ModelCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Runs a model once, and writes what it computes as float32 tensors.",
    discussion: """
      Inputs are tensors of whole numbers under Transformers' names: input_ids, attention_mask, token_type_ids, \
      position_ids, mc_token_ids. Outputs have its names too: last_hidden_state, logits, hidden_states.0, … With the file \
      of the inputs, OUTPUT is a recorded run that `verify --golden OUTPUT --inputs INPUTS` compares other models with.

      Examples:
        weighbridge run model/ --inputs inputs.safetensors --output golden.safetensors --hidden-states
        weighbridge run model/ --inputs inputs.safetensors --output out.safetensors --attentions --report run.html
      """)

  @OptionGroup var model: ModelArguments

  @Option(help: ArgumentHelp("A file with the inputs.", valueName: "file"))
  var inputs: String

  @Option(help: ArgumentHelp("The file to write; one that exists is replaced.", valueName: "file"))
  var output: String

  @Flag(help: "Write hidden_states.0 (the embeddings) to hidden_states.N too.")
  var hiddenStates = false

  @Flag(help: "Write attentions.0 … too.")
  var attentions = false

  @Option(
    name: [.customLong("precision"), .customLong("compute-precision")], help: LoadPrecision.help)
  var precision: LoadPrecision = .float32

  @OptionGroup var reports: ReportOptions

  func validate() throws {
    try refuseStandardStreams([inputs, output])
    if let format = CheckpointFormat(fileName: output), format != .safetensors {
      throw ValidationError("--output is a safetensors file, \(quoted(output)) has another's name")
    }
  }

  var replacedFiles: [String] { [output] + reports.replacedFiles }

  mutating func run(on console: Console) throws -> ToolExit {
    let source = try model.open(console)
    let loaded = try model.load(
      try source.modelClass(), of: source, console, precision: precision, once: true)
    var options = RunOptions()
    if hiddenStates { options.extras.insert(.hiddenStates) }
    if attentions { options.extras.insert(.attentions) }
    let given = try ModelInputs(opening: inputs)
    let outputs = try loaded(given, options: options)
    try outputs.write(to: output, of: loaded, options: options)
    var report = RunReport(
      outputs, of: model.path, className: type(of: loaded).className, written: output)
    if reports.report != nil { try report.look(given, tokenizer: try? source.tokenizer()) }
    try reports.give(report, on: console)
    return .done
  }
}
