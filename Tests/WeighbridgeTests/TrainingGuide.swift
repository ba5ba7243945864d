// swift-format-ignore-file
// Made by scripts/guide of docs/training.md: change the page.

import TensorEngine
import Testing
import Weighbridge

@Suite("The guide docs/training.md")
struct TrainingGuideTests {
  private let guide = GuideModels()

  @Test("Adapters (1)")
  func block1() async throws {
    let directory = try guide.directory("bert-classifier", "bert-uncased"), reviews = try guide.reviews(), adapter = try guide.newPath("sentiment-lora")

    let source = try ModelSource(directory)
    let tokenizer = try source.tokenizer()
    let data = try TrainingData(path: reviews)
    let task = try TrainingTask(.classification, of: data)
    let trainable = try source.trainable(
      for: task, seed: 42, lowRank: LowRankSettings(rank: 4, alpha: 8, targets: ["query", "value"]))
    let trainer = try Trainer(trainable.model, tokenizer: tokenizer, task: task)
    _ = try trainer.run(training: trainer.examples(data, tokenizer))
    try trainable.save(to: adapter)
    let adapted = try ModelSource(directory, adapter: LowRankAdapter(adapter))
    _ = source
    _ = tokenizer
    _ = data
    _ = task
    _ = trainable
    _ = trainer
    _ = adapted
  }

  @Test("In Swift (2)")
  func block2() async throws {
    let directory = try guide.directory("bert-classifier", "bert-uncased"), reviews = try guide.reviews(), sentiment = try guide.newPath("sentiment")

    let source = try ModelSource(directory)
    let tokenizer = try source.tokenizer()
    let data = try TrainingData(path: reviews)             // reviews.jsonl
    let task = try TrainingTask(.classification, of: data)
    let trainable = try source.trainable(for: task, seed: 42)
    var settings = TrainingSettings()
    settings.epochs = 1
    let trainer = try Trainer(
      trainable.model, tokenizer: tokenizer, task: task, settings: settings)
    _ = try trainer.run(training: trainer.examples(data, tokenizer))
    try trainable.model.save(to: sentiment)
    _ = source
    _ = tokenizer
    _ = data
    _ = task
    _ = trainable
    _ = trainer
  }

  @Test("In Swift (3)")
  func block3() async throws {

    let context = try ExecutionContext()
    let first = try Linear("first", 2, 8, in: context)
    let second = try Linear("second", 8, 1, in: context)
    let optimizer = SGD(first.parameters + second.parameters, learningRate: 0.1, in: context)
    let x = try Tensor(rows: 4, columns: 2, [0, 0, 0, 1, 1, 0, 1, 1])
    let y = try Tensor(rows: 4, columns: 1, [0, 1, 1, 0])
    for _ in 0..<100 {
      let loss = try meanSquaredError(second(first(x, activation: .tanh)), y, in: context)
      try loss.backward()
      try optimizer.step()
      optimizer.zeroGradients()
    }
    _ = context
    _ = first
    _ = second
    _ = optimizer
    _ = x
    _ = y
  }
}
