internal import ArgumentParser
internal import Weighbridge

/// `weighbridge generate`: a model goes on with a text.
struct GenerateCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract:
      "Goes on with a text: greedy, sampled or by beam search, as Transformers' generate does.",
    discussion: """
      Settings come from generation_config.json where the model has one; options go before it. The most likely token is \
      taken unless --temperature, --top-k or --top-p is given (or the file says do_sample); --temperature 0 takes the most \
      likely in any case. The text is printed as it comes, behind the prompt as it was given; --json prints the tokens of all \
      texts, prompts included. Without a prompt the text begins with the model's own first token.
      """)

  @OptionGroup var model: ModelArguments

  @Argument(help: "The text to go on with.")
  var prompt: String?

  @Option(
    name: .customLong("input-ids"), parsing: .unconditional,
    help: "The tokens to go on with: 1,2,3.")
  var inputIDs: TokenList?

  @Option(help: "A file with input_ids, padded on the left, and attention_mask.")
  var inputs: String?

  @OptionGroup var settings: GenerationArguments

  @Flag(help: "Print {\"sequences\": [[…], …]}, the tokens of the texts, prompts included.")
  var json = false

  func validate() throws {
    guard [prompt != nil, inputIDs != nil, inputs != nil].count(where: { $0 }) <= 1 else {
      throw ValidationError("Give one of PROMPT, --input-ids and --inputs.")
    }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let source = try model.open(console)
    let loaded = try model.load(try source.modelClass(of: .causalLM), of: source, console)
    guard let causal = loaded as? any CausalLanguageModel else {
      throw model.unsuitable(loaded, source, "does not go on with texts")
    }
    let chosen = try settings.applied(to: causal.defaultSettings)
    // Only texts need the tokenizer.
    let tokenizer = json && prompt == nil ? nil : try source.tokenizer()
    let start = try start(of: causal, chosen, tokenizer)
    let count = start.inputIDs.sequenceCount * (chosen.returnedSequenceCount ?? 1)
    guard let tokenizer, !json else {
      let texts = try causal.generate(start, chosen)
      let lists = texts.map { JSONValue.array($0.map { .integer($0) }) }
      let report = JSONValue.object([JSONValue.Member("sequences", .array(lists))])
      console.write(JSONWriter.text(report) + "\n")
      return .done
    }
    if count == 1, chosen.beamCount ?? 1 == 1 {
      try stream(causal, start, chosen, tokenizer, to: console)
    } else {
      for text in try causal.generate(start, chosen) {
        let shown = prompt == nil ? text : Array(text.dropFirst(start.inputIDs.length))
        console.write((prompt ?? "") + tokenizer.decode(shown, skipSpecialTokens: true) + "\n")
      }
    }
    return .done
  }

  /// The prompt as tokens.
  private func start(
    of model: any CausalLanguageModel, _ settings: GenerationSettings, _ tokenizer: Tokenizer?
  ) throws(CheckpointError) -> ModelInputs {
    if let inputs { return try ModelInputs(opening: inputs) }
    if let inputIDs { return ModelInputs(inputIDs: try TokenArray([inputIDs.tokens])) }
    if let prompt, let tokenizer {
      // The reference's pipeline passes no token types on, whatever the tokenizer gives.
      var inputs = try model.inputs([try tokenizer.encode(prompt)])
      inputs.tokenTypeIDs = nil
      return inputs
    }
    guard let first = settings.bosTokenID else {
      throw CheckpointError(
        .notFound, CheckpointError.Site(field: "bos_token_id"),
        "the model has no token that begins a text", remedy: "give a prompt")
    }
    return ModelInputs(inputIDs: try TokenArray([[first]]))
  }

  /// Prints prompt and text as far as they are certain: the prompt as it was given, since a tokenizer may give lower case
  /// back, and behind it what the new tokens say by themselves (`TextGenerationPipeline.postprocess`, Transformers 5.23).
  private func stream(
    _ model: any CausalLanguageModel, _ start: ModelInputs, _ settings: GenerationSettings,
    _ tokenizer: Tokenizer, to console: Console
  ) throws(CheckpointError) {
    var decoder = tokenizer.streamingDecoder(skipSpecialTokens: true)
    var waiting = prompt == nil ? Array(start.inputIDs.elements) : []
    var head = prompt ?? ""
    _ = try model.generate(
      start, settings,
      received: { (tokens) throws(CheckpointError) in
        for token in waiting + tokens {
          console.write(head + (try decoder.append(token)))
          head = ""
        }
        waiting = []
      })
    console.write(try decoder.finish() + "\n")
  }
}

/// Tokens by their ids: `1,2,3`.
struct TokenList: ExpressibleByArgument {
  let tokens: [Int]

  init?(argument: String) {
    var tokens: [Int] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let token = Int(part.drop(while: { $0 == " " })) else { return nil }
      tokens.append(token)
    }
    self.tokens = tokens
  }
}
