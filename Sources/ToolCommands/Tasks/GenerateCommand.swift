internal import ArgumentParser
internal import Weighbridge

/// `weighbridge generate`: a model goes on with texts.
struct GenerateCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract:
      "Goes on with texts: greedy, sampled or by beam search, as Transformers' generate does.",
    discussion: """
      Settings come from generation_config.json where the model has one; options go before it. The most likely token is \
      taken unless --do-sample, --temperature, --top-k or --top-p is given (or the file says do_sample); --temperature 0 takes \
      the most likely in any case. The text is printed as it comes, behind the prompt as it was given; --json prints the tokens \
      of all texts, prompts included. Without a prompt the text begins with the model's own first token.

      Of several prompts, of --input and with --scores, --json prints a line for each prompt: {"prompt", "texts": [{"text", \
      "tokens"}]}.

      Examples:
        weighbridge generate gpt2/ 'The scale showed' --max-new-tokens 40 --num-beams 4
        weighbridge generate gpt2/ 'Once' --temperature 0.8 --top-p 0.95 --seed 7
        weighbridge generate gpt2/ --input prompts.txt --output texts.jsonl
      """)

  static let textKey: ExactName = "prompt"

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @Option(
    name: .customLong("input-ids"), parsing: .unconditional,
    help: ArgumentHelp("The tokens to go on with: 1,2,3.", valueName: "id,…"))
  var inputIDs: TokenList?

  @Option(
    help: ArgumentHelp(
      "A file with input_ids, padded on the left, and attention_mask.", valueName: "file"))
  var inputs: String?

  @OptionGroup var settings: GenerationArguments

  @Flag(
    help: "With --json, tell the logarithms of the new tokens' probabilities, and a beam's score.")
  var scores = false

  @Flag(
    name: .customLong("truncation"),
    help:
      "Cut prompts that leave no room for the new tokens: to what the model takes without these.")
  var cuts = false

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    let sources = [!rows.texts.isEmpty, rows.input != nil, inputIDs != nil, inputs != nil]
    guard sources.count(where: { $0 }) <= 1 else {
      throw ValidationError("Give one of PROMPT, --input, --input-ids and --inputs.")
    }
    guard !scores || rows.json || rows.output != nil else {
      throw ValidationError("--scores goes with --json.")
    }
    let ofTexts = [("scores", scores), ("output", rows.output != nil), ("truncation", cuts)]
    if rows.texts.isEmpty, rows.input == nil, let option = ofTexts.first(where: \.1)?.0 {
      throw ValidationError("--\(option) goes with PROMPT and --input.")
    }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    if rows.file != nil || rows.texts.count > 1 || rows.output != nil
      || scores && rows.texts.count == 1
    {
      try answer(with: try task(console), on: console)
    } else {
      try goOn(with: rows.texts.first, console)
    }
    return .done
  }

  func task(_ console: Console) throws -> TextGeneration {
    var model = try self.model.textModel(.causalLM, computing, console)
    model.cutsTexts = cuts
    guard let causal = model.model as? any CausalLanguageModel else {
      throw CheckpointError(
        .unsupported, file: self.model.path, field: "model_type", "does not go on with texts")
    }
    var task = try TextGeneration(
      model, settings: try settings.applied(to: causal.defaultSettings, model.tokenizer))
    task.tellsScores = scores
    if let tokens = computing.batchTokens { task.batchTokens = tokens }
    return task
  }

  func text(_ output: [TextGeneration.Continuation], to row: TaskRow) -> String {
    let prompt = row[Self.textKey]?.string ?? row["text"]?.string ?? ""
    return output.map { prompt + $0.text + "\n" }.joined()
  }

  /// Goes on with a prompt, with tokens, or from nothing.
  private func goOn(with prompt: String?, _ console: Console) throws(CheckpointError) {
    let source = try model.open(console)
    let loaded = try model.load(
      try source.modelClass(of: .causalLM), of: source, console, computing)
    guard let causal = loaded as? any CausalLanguageModel else {
      throw model.unsuitable(loaded, source, "does not go on with texts")
    }
    let stated = try causal.defaultSettings
    // Only texts need the tokenizer.
    let needsTexts =
      !rows.json || prompt != nil || settings.needsTokenizer || !stated.stopStrings.isEmpty
    let tokenizer = needsTexts ? try source.tokenizer() : nil
    let chosen = try settings.applied(to: stated, tokenizer)
    let start = try start(of: causal, prompt, chosen, tokenizer)
    let count = start.inputIDs.sequenceCount * (chosen.returnedSequenceCount ?? 1)
    guard let tokenizer, !rows.json else {
      let texts: [[Int]] =
        if let tokenizer {
          try causal.generate(start, chosen, tokenizer: tokenizer)
        } else {
          try causal.generate(start, chosen)
        }
      let lists = texts.map { JSONValue.array($0.map { .integer($0) }) }
      let report = JSONValue.object([JSONValue.Member("sequences", .array(lists))])
      return console.write(JSONWriter.text(report) + "\n")
    }
    if count == 1, chosen.beamCount ?? 1 == 1 {
      try stream(causal, start, prompt, chosen, tokenizer, to: console)
    } else {
      for text in try causal.generate(start, chosen, tokenizer: tokenizer) {
        let shown = prompt == nil ? text : Array(text.dropFirst(start.inputIDs.length))
        console.write((prompt ?? "") + tokenizer.decode(shown, skipSpecialTokens: true) + "\n")
      }
    }
  }

  /// The prompt as tokens.
  private func start(
    of model: any CausalLanguageModel, _ prompt: String?, _ settings: GenerationSettings,
    _ tokenizer: Tokenizer?
  ) throws(CheckpointError) -> ModelInputs {
    if let inputs { return try ModelInputs(opening: inputs) }
    if let inputIDs { return ModelInputs(inputIDs: try TokenArray([inputIDs.tokens])) }
    if let prompt, let tokenizer {
      var options = EncodingOptions()
      if cuts { options.truncation = settings.truncation(for: model, tokenizer) }
      let encoding = try tokenizer.encode(prompt, options: options)
      if encoding.count > 0 {
        // The reference's pipeline passes no token types on, whatever the tokenizer gives.
        var inputs = try model.inputs([encoding])
        inputs.tokenTypeIDs = nil
        return inputs
      }
    }
    return try settings.beginning()
  }

  /// Prints prompt and text as far as they are certain: the prompt as it was given, since a tokenizer may give lower case
  /// back, and behind it what the new tokens say by themselves (`TextGenerationPipeline.postprocess`, Transformers 5.23).
  private func stream(
    _ model: any CausalLanguageModel, _ start: ModelInputs, _ prompt: String?,
    _ settings: GenerationSettings, _ tokenizer: Tokenizer, to console: Console
  ) throws(CheckpointError) {
    var decoder = tokenizer.streamingDecoder(skipSpecialTokens: true)
    var waiting = prompt == nil ? Array(start.inputIDs.elements) : []
    var head = prompt ?? ""
    _ = try model.generate(
      start, settings, tokenizer: tokenizer,
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
