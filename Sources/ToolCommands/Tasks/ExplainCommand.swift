internal import ArgumentParser
internal import Weighbridge

/// `weighbridge explain`: what of a text made a model give a label or a token.
struct ExplainCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Says which words of a text made a model give a label or a token.",
    discussion: """
      Each word gets a share of the score (before softmax) by integrated gradients, which add up to the difference from a \
      baseline without the text, and by gradient x input. Classifiers of texts are explained by a label, classifiers of \
      tokens by the label of --position, masked language models by the token of the first mask, causal ones by the next \
      token. Lines of a file may have a target and a position of their own.

      Examples:
        weighbridge explain sentiment/ 'A film of rare warmth.' --target positive
        weighbridge explain sentiment/ 'A film of rare warmth.' --report explained.html
      """)

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @Option(help: ArgumentHelp("A second text, for each TEXT.", valueName: "text"))
  var pair: String?

  @Option(
    help: ArgumentHelp(
      "The label or class, the token or its id, that is explained; by default the one with the highest score.",
      valueName: "name"))
  var target: String?

  @Option(
    help: ArgumentHelp("The token whose scores are explained, counted from 0.", valueName: "token"))
  var position: Int?

  @Option(
    help: ArgumentHelp(
      "Where the way to the text begins: with padding (the default, where there is a padding token), mask or zero in place of its tokens.",
      valueName: "baseline"))
  var baseline: Choice<TextExplanation.Baseline>?

  @Option(
    help: ArgumentHelp("Places on the way from the baseline to the text.", valueName: "count"))
  var steps = 50

  @Flag(help: "Give the attention of each head of each layer, token by token (JSON).")
  var attentions = false

  @Option(
    help: ArgumentHelp(
      "Write a page for a browser, too: the text shaded by shares, and what each head looks at.",
      valueName: "file.html"))
  var report: String?

  @OptionGroup var cutting: CuttingArguments

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try requirePage(report)
    try rows.requireTexts()
    if computing.precision.computePrecision == .int8 {
      throw ValidationError("--compute-precision int8 has no gradients to explain by.")
    }
    if steps < 1 { throw ValidationError("--steps must be above 0.") }
    if report != nil, rows.file != nil || rows.texts.count > 1 {
      throw ValidationError("--report is the page of one text.")
    }
  }

  var defaults: [JSONValue.Member] { pair.map { [JSONValue.Member("pair", .string($0))] } ?? [] }

  func task(_ console: Console) throws -> TextExplanation {
    let source = try model.open(console)
    let loaded = try model.load(
      try source.modelClass(), of: source, console, computing)
    var texts = TextModel(loaded, tokenizer: try source.tokenizer())
    if let tokens = computing.batchTokens { texts.batchTokens = tokens }
    texts.cutsTexts = cutting.cuts || cutting.maximumLength != nil
    if let length = cutting.maximumLength { texts.maximumLength = min(length, texts.maximumLength) }
    var task = try TextExplanation(texts, baseline: baseline?.value, steps: steps)
    task.target = target
    task.position = position
    task.givesAttentions = attentions || report != nil
    return task
  }

  var replacedFiles: [String] { [rows.output, report].compactMap { $0 } }

  mutating func run(on console: Console) throws -> ToolExit {
    let task = try task(console)
    guard let report else {
      try answer(with: task, on: console)
      return .done
    }
    let row = TaskRow(Self.textKey, rows.texts[0]).filled(defaults)
    let explanation = try task.answer(to: try task.input(row))
    try page(explanation, of: row).write(to: report)
    if rows.json || rows.output != nil {
      let answer = JSONValue.object(row.echo(Self.textKey) + task.members(of: explanation))
      let answers = try LineAnswers(path: rows.output, console)
      try answers.write(Array((JSONWriter.text(answer) + "\n").utf8))
      try answers.commit()
    } else {
      console.write(text(explanation, to: row))
    }
    return .done
  }

  func text(_ output: Explanation, to row: TaskRow) -> String {
    func signed(_ value: Double) -> String {
      let text = (value < 0 ? "" : "+") + NumberText.fixed(value, digits: 4)
      return String(repeating: " ", count: max(0, 10 - text.count)) + text
    }
    let lines =
      [
        row.heading() + "  " + output.heading,
        "  score \(NumberText.fixed(output.output, digits: 4)), at the baseline "
          + "\(NumberText.fixed(output.baselineOutput, digits: 4)); the words' shares sum to "
          + NumberText.fixed(output.sum, digits: 4),
        "  integrated   × input",
      ]
      + output.words.map {
        "  " + signed($0.integratedGradients) + " " + signed($0.gradientTimesInput) + "  "
          + singleLine($0.text)
      }
    return lines.joined(separator: "\n") + "\n"
  }

  private func page(_ explanation: Explanation, of row: TaskRow) -> ReportPage {
    var page = ReportPage("explain", title: singleLine(model.path, limit: 200))
    page.facts = [
      ("explained", explanation.heading),
      ("score", NumberText.significant(explanation.output)),
      (
        "at the baseline (\(explanation.baseline.rawValue))",
        NumberText.significant(explanation.baselineOutput)
      ),
      ("sum of shares", NumberText.significant(explanation.sum)),
    ]
    let words = explanation.words
    page.sections.append(
      .shaded(
        title: "Integrated gradients", words: words.map { ($0.text, $0.integratedGradients) }))
    page.sections.append(
      .shaded(title: "Gradient × input", words: words.map { ($0.text, $0.gradientTimesInput) }))
    var table = PageTable(
      "Words", [("word", .text), ("integrated gradients", .number), ("gradient × input", .number)])
    table.rows = words.map {
      PageTable.Row(cells: [
        .text($0.text), .number($0.integratedGradients), .number($0.gradientTimesInput),
      ])
    }
    page.add(table)
    if let pictures = AttentionPictures(
      "Attention", tokens: explanation.tokens,
      layers: explanation.attentions.map { $0.map(\.weights) })
    {
      page.add(pictures)
    }
    return page
  }
}

extension Explanation {
  /// What is explained, in words.
  fileprivate var heading: String {
    (target.isToken ? "token " : "class \(target.index) ") + quoted(target.label)
      + (target.position.map { " at token \($0)" } ?? "")
  }
}
