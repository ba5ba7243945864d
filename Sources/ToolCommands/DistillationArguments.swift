internal import ArgumentParser
internal import Weighbridge

/// The model that another one learns from.
struct DistillationArguments: ParsableArguments {
  @Option(
    name: .customLong("teacher"),
    help: ArgumentHelp(
      "A model with the same head, labels and tokenizer, whose scores are learned beside the labels.",
      valueName: "model"))
  var path: String?

  @Option(help: "What the scores of teacher and pupil are divided by; otherwise 2.")
  var temperature: Double?

  @Option(
    help:
      "The share of the teacher in the loss, 0 to 1; the rest is that of the labels; otherwise 0.5."
  )
  var mix: Double?

  @Option(
    help: ArgumentHelp(
      "A hidden state that is to be like one of the teacher's, 0 the embeddings, n what layer n gives. Repeatable.",
      valueName: "pupil=teacher"), transform: Self.match)
  var matchStates: [StateMatch] = []

  @Option(help: "What the mean square distance of these states counts in the loss; otherwise 1.")
  var statesWeight: Double?

  private static func match(_ text: String) throws -> StateMatch {
    let numbers = text.split(separator: "=", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let pupil = numbers[0], let teacher = numbers[1] else {
      throw ValidationError("'\(text)' is no pair of numbers, as 2=4")
    }
    return StateMatch(pupil: pupil, teacher: teacher)
  }

  func validate() throws {
    let options: [(name: String, isGiven: Bool)] = [
      ("match-states", !matchStates.isEmpty), ("temperature", temperature != nil),
      ("mix", mix != nil),
    ]
    if path == nil, let option = options.first(where: \.isGiven) {
      throw ValidationError("--\(option.name) needs a --teacher")
    }
    guard statesWeight == nil || !matchStates.isEmpty else {
      throw ValidationError("--states-weight needs --match-states")
    }
  }

  /// The teacher, if there is one.
  func teacher(
    for pupil: any LanguageModel, _ tokenizer: Tokenizer, _ arguments: ModelArguments,
    _ precision: LoadPrecision, _ console: Console
  ) throws(CheckpointError) -> Teacher? {
    guard let path else { return nil }
    let source = try arguments.options.open(path, console, adapter: nil, isPinned: false)
    let theirs = try source.tokenizer()
    // The teacher is given the pupil's tokens.
    let differing = (0..<max(theirs.vocabularyCount, tokenizer.vocabularyCount)).first {
      theirs.token(withID: $0) != tokenizer.token(withID: $0)
    }
    if let differing {
      throw CheckpointError(
        .mismatch, file: path, field: "tokenizer",
        "token \(differing) is not the one that the pupil's tokenizer has")
    }
    let head = type(of: pupil).head
    return try Teacher(
      try arguments.options.load(
        try source.modelClass(of: head), of: source, console, precision: precision),
      temperature: temperature ?? 2, mix: mix ?? 0.5, states: matchStates,
      statesWeight: statesWeight ?? 1,
      name: path)
  }
}
