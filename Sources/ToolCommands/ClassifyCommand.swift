internal import ArgumentParser
internal import Weighbridge

/// `weighbridge classify`: the labels of texts.
struct ClassifyCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "classify",
    abstract: "Labels texts, as Transformers' pipeline does.",
    discussion: """
      The configuration's problem_type decides: one label of several gives probabilities that sum to 1, any number of \
      labels gives each its own, a regression gives the number itself. Labels are named by id2label, the highest first.
      """)

  @OptionGroup var model: ModelArguments

  @Argument(help: "The texts.")
  var texts: [String]

  @Flag(help: "Print everything as one JSON object.")
  var json = false

  mutating func run(on console: Console) throws -> ToolExit {
    let source = try model.open(console)
    let loaded = try model.load(
      try source.modelClass(of: .sequenceClassification), of: source, console)
    guard let classifier = loaded as? any TextClassifier else {
      throw model.unsuitable(loaded, source, "does not label texts")
    }
    let tokenizer = try source.tokenizer()
    let answers = try texts.map { text throws(CheckpointError) in
      try classifier.classify(text, tokenizer: tokenizer)
    }
    if json {
      console.write(JSONWriter.text(report(answers, classifier.effectiveProblemType)) + "\n")
    } else {
      for (text, scores) in zip(texts, answers) { console.write(description(text, scores)) }
    }
    return .done
  }

  private func description(_ text: String, _ scores: [LabelScore]) -> String {
    let lines = scores.map {
      "  " + NumberText.fixed($0.score, digits: 4) + "  " + singleLine($0.label)
    }
    return ([singleLine(text)] + lines).joined(separator: "\n") + "\n"
  }

  private func report(_ answers: [[LabelScore]], _ problem: ProblemType) -> JSONValue {
    let results = zip(texts, answers).map { text, scores in
      JSONValue.object([
        JSONValue.Member("text", .string(text)),
        JSONValue.Member(
          "labels",
          .array(
            scores.map {
              .object([
                JSONValue.Member("label", .string($0.label)),
                JSONValue.Member("score", .double($0.score)),
              ])
            })),
      ])
    }
    return .object([
      JSONValue.Member("problem_type", .string(problem.rawValue)),
      JSONValue.Member("results", .array(results)),
    ])
  }
}
