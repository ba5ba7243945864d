import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("Examples that are encoded while a step is computed")
struct TrainingFeedTests {
  private let texts = [
    "cafes are near", "running water", "a good day", "unaffordable", "a", "b c",
    "the scale is even",
  ]

  private func trainer(
    _ kind: TrainingTask.Kind, _ model: ModelFixture, _ change: (inout TrainingSettings) -> Void
  ) throws -> (Trainer, TrainingData) {
    let source = try ModelSource(model.path)
    let tokenizer = try source.tokenizer()
    let data = try TrainingData(path: model.file("train.jsonl"))
    let task = try TrainingTask(kind, of: data)
    var settings = TrainingSettings()
    settings.batchSize = 2
    settings.epochs = 2
    settings.learningRate = 0.01
    change(&settings)
    let trainable = try source.trainable(for: task, seed: 42)
    return (
      try Trainer(trainable.model, tokenizer: tokenizer, task: task, settings: settings), data
    )
  }

  /// The weights as they are saved.
  private func bits(_ trainer: Trainer, _ model: ModelFixture) throws -> [UInt8] {
    var options = ConversionOptions()
    options.replacesExisting = true
    try trainer.model.save(to: model.file("trained"), options: options)
    return try model.bytes("trained/model.safetensors")
  }

  @Test(
    "A run has the bits of one whose examples were tokens before",
    arguments: [TrainingTask.Kind.classification, .maskedLM, .tokenClassification])
  func sameBits(_ kind: TrainingTask.Kind) throws {
    let model = try ModelFixture(
      task: kind == .maskedLM ? "bert-masked" : "bert-classifier", tokenizer: "bert-uncased")
    let rows = texts.enumerated().map { number, text in
      let words = text.split(separator: " ").map { "\"\($0)\"" }
      let tags = words.indices.map { "\"\(($0 + number) % 2)\"" }
      // Long enough that some of it is hidden.
      let long = Array(repeating: text, count: 8).joined(separator: " ")
      return
        "{\"text\": \"\(long)\", \"label\": \"\(number % 2)\", \"tokens\": [\(words.joined(separator: ","))], "
        + "\"ner_tags\": [\(tags.joined(separator: ","))]}\n"
    }
    try model.write(rows.joined(), as: "train.jsonl")
    let (first, data) = try trainer(kind, model) { _ in }
    _ = try first.run(training: first.examples(data))
    let (second, _) = try trainer(kind, model) { _ in }
    _ = try second.run(training: second.prepared(data))
    #expect(first.state == second.state && first.state.step == 8)
    let bits = try self.bits(first, model)
    #expect(try bits == self.bits(second, model))
    // Another order, other bits.
    for order in [ExampleOrder.sequential, .byLength] {
      let (third, _) = try trainer(kind, model) { $0.order = order }
      _ = try third.run(training: third.prepared(data))
      #expect(try bits != self.bits(third, model))
    }
  }

  @Test("A text that cannot be encoded is told with its line, when its step comes")
  func failures() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    // No token stands for what is unknown.
    let tokenizer = try String(decoding: model.bytes("tokenizer.json"), as: UTF8.self)
    try model.write(
      tokenizer.replacing("\"[UNK]\"", with: "\"[GONE]\"")
        .replacing("\"unk_token\":\"[GONE]\"", with: "\"unk_token\":\"[UNK]\"")
        .replacing("\"unk_token\": \"[GONE]\"", with: "\"unk_token\": \"[UNK]\""),
      as: "tokenizer.json")
    let rows = texts.enumerated().map { #"{"text": "\#($1)", "label": "\#($0 % 2)"}"# + "\n" }
    try model.write(
      rows.joined() + "\n{\"text\": \"語\", \"label\": \"0\"}\n", as: "train.jsonl")
    let (trainer, data) = try trainer(.classification, model) { $0.order = .sequential }
    var steps = 0
    do {
      _ = try trainer.run(
        training: trainer.prepared(data), progress: { _ in steps += 1 })
      Issue.record("there is no token for it")
    } catch {
      #expect(error.kind == .notFound && error.site.field == "line 9", "\(error)")
      #expect(error.site.file == model.file("train.jsonl"))
    }
    // Those before it were trained with: it is the fourth step's.
    #expect(steps == 3)
  }

  @Test("A text without a token is told with its line, and is no row of padding")
  func emptyTexts() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    try model.write(
      "{\"text\": \"a\", \"label\": \"0\"}\n{\"text\": \"\", \"label\": \"1\"}\n", as: "train.jsonl"
    )
    for size in [1, 2] {
      let (trainer, data) = try trainer(.classification, model) {
        $0.batchSize = size
        $0.order = .sequential
      }
      let error = try #require(throws: CheckpointError.self) {
        try trainer.run(training: trainer.prepared(data))
      }
      #expect(error.kind == .inconsistent && error.site.field == "line 2", "\(error)")
    }
    let task = try TrainingTask(.classification, of: TrainingData(path: model.file("train.jsonl")))
    let collator = try Collator(task, tokenizer: try ModelSource(model.path).tokenizer())
    let examples = [
      TrainingExample(ids: [1], label: .text(0)), TrainingExample(ids: [], label: .text(1)),
    ]
    let error = try #require(throws: CheckpointError.self) { try collator(examples) }
    #expect(error.kind == .inconsistent && error.site.field == "examples[1]", "\(error)")
  }
}
