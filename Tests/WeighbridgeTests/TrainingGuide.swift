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
    try trainer.run(training: data)
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
    let directory = try guide.directory("bert-classifier", "bert-uncased"), reviews = try guide.reviewFolder(), sentiment = try guide.newPath("sentiment")

    let model = try BertForSequenceClassification.load(
      from: directory, options: .training(labels: ["neg", "pos"]))
    let tokenizer = try ModelSource(directory).tokenizer()
    let trainer = try Trainer(
      model, tokenizer: tokenizer, settings: TrainingSettings(epochs: 1, batchSize: 32))
    let result = try trainer.run(
      training: .textFolder("\(reviews)/train"), evaluation: .textFolder("\(reviews)/test"))
    print(result)          // steps, loss, and what the evaluation measured
    try model.save(to: sentiment)
    _ = model
    _ = tokenizer
    _ = trainer
    _ = result
  }

  @Test("In Swift (3)")
  func block3() async throws {
    let directory = try guide.directory("bert-classifier", "bert-uncased"), reviews = try guide.reviews(), sentiment = try guide.newPath("sentiment")

    let source = try ModelSource(directory)
    let data = try TrainingData(path: reviews)             // reviews.jsonl
    let task = try TrainingTask(.classification, of: data)
    let trainable = try source.trainable(for: task, seed: 42)
    let trainer = try Trainer(
      trainable.model, tokenizer: source.tokenizer(), task: task,
      settings: TrainingSettings(epochs: 1))
    try trainer.run(training: data)
    try trainable.save(to: sentiment)
    _ = source
    _ = data
    _ = task
    _ = trainable
    _ = trainer
  }

  @Test("In Swift (4)")
  func block4() async throws {
    let directory = try guide.directory("bert-classifier", "bert-uncased"), reviews = try guide.reviews()

    let model = try BertForSequenceClassification.load(
      from: directory, options: .training(labels: ["bad", "good"]))
    let tokenizer = try ModelSource(directory).tokenizer()
    let task = try TrainingTask(of: model)
    let loader = try DataLoader(
      task.prepared(TrainingData(path: reviews), tokenizer, length: 32, takesTypes: true),
      Collator(task, tokenizer: tokenizer), batchSize: 4)
    let optimizer = Adam(model.parameters, learningRate: 5e-5, in: model.info.context)
    for number in 0..<2 * loader.batchesPerEpoch {
      let batch = try loader.batch(number)
      let options = RunOptions(dropout: RunOptions.Dropout(seed: 42, step: UInt32(number)))
      try model(batch.inputs, options: options).loss?.backward()
      try optimizer.step()
      optimizer.zeroGradients()
    }
    _ = model
    _ = tokenizer
    _ = task
    _ = loader
    _ = optimizer
  }

  @Test("In Swift (5)")
  func block5() async throws {

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
