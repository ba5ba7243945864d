import CheckpointBytes
import TensorEngine
import TestSupport
import Testing
import Weighbridge

/// What a program of one's own trains with: a model of a class, a trainer of its head's task, batches of a loader.
@Suite("Training from a program")
struct TrainingLibraryTests {
  private let files = GuideModels()

  private func model(
    _ labels: [String]? = ["bad", "good"]
  ) throws -> (BertForSequenceClassification, Tokenizer) {
    let directory = try files.directory("bert-classifier", "bert-uncased")
    return (
      try BertForSequenceClassification.load(from: directory, options: .training(labels: labels)),
      try ModelSource(directory).tokenizer()
    )
  }

  private func bits(_ model: any LanguageModel) throws -> [[Float]] {
    let context = try ExecutionContext(threads: 1)
    return try model.parameters.map { try $0.values.tensor(in: context).values }
  }

  @Test("A model of a class learns what a task's would")
  func sameBits() throws {
    let directory = try files.directory("bert-classifier", "bert-uncased")
    let data = try TrainingData(path: files.reviews())
    let settings = TrainingSettings(epochs: 2, batchSize: 2, learningRate: 0.01)
    let (model, tokenizer) = try model()
    let result = try Trainer(model, tokenizer: tokenizer, settings: settings)
      .run(training: data, evaluation: data)
    #expect(result.ending == .finished && result.state.step == 4)
    #expect(result.metrics.map(\.name).prefix(2) == ["loss", "accuracy"])
    #expect("\(result)".hasPrefix("4 of 4 steps, loss "), "\(result)")

    let task = try TrainingTask(.classification, of: data)
    let other = try ModelSource(directory).trainable(for: task, seed: 42)
    try Trainer(other.model, tokenizer: tokenizer, task: task, settings: settings)
      .run(training: data)
    #expect(try bits(model) == bits(other.model))
    #expect(other.newParameters == ["classifier.weight", "classifier.bias"])
    #expect(model.remarks == ["drawn by seed 42: classifier.weight, classifier.bias"])
    #expect(model.configuration.labels.names == [0: "bad", 1: "good"])
  }

  @Test("A head that fits is kept, and its labels with it")
  func keptHead() throws {
    let (model, tokenizer) = try model(nil)
    #expect(model.remarks.isEmpty)
    let task = try Trainer(model, tokenizer: tokenizer).task
    #expect(task.labels.names == ["heavy", "light", "balanced"])
    #expect(task.kind == .classification && task.problem == .singleLabelClassification)
    let directory = try files.directory("bert-classifier", "bert-uncased")
    let several = try BertForSequenceClassification.load(
      from: directory,
      options: .training(labels: ["a", "b"], problem: .multiLabelClassification, seed: 7))
    #expect(try TrainingTask(of: several).problem == .multiLabelClassification)
    #expect(several.remarks == ["drawn by seed 7: classifier.weight, classifier.bias"])
  }

  @Test("What cannot be trained is refused with its reason")
  func refusals() throws {
    let directory = try files.directory("bert-classifier", "bert-uncased")
    func failure(_ body: () throws(CheckpointError) -> Void) throws -> CheckpointError {
      try #require(throws: CheckpointError.self, performing: body)
    }
    for labels in [[], ["a", "b", "a"]] {
      let error = try failure { () throws(CheckpointError) in
        _ = try BertForSequenceClassification.load(
          from: directory, options: .training(labels: labels))
      }
      #expect(error.kind == .inconsistent && error.site.field == "labels", "\(error)")
    }
    let family = try failure { () throws(CheckpointError) in
      _ = try RobertaForSequenceClassification.load(from: directory, options: .training())
    }
    #expect(family.kind == .mismatch && family.site.field == "model_type", "\(family)")

    let tokenizer = try ModelSource(directory).tokenizer()
    let frozen = try BertForSequenceClassification.load(from: directory)
    let still = try failure { () throws(CheckpointError) in
      _ = try Trainer(frozen, tokenizer: tokenizer)
    }
    #expect(still.kind == .inconsistent && still.site.field == "parameters", "\(still)")
    let body = try BertModel.load(from: directory, options: .training())
    let headless = try failure { () throws(CheckpointError) in
      _ = try Trainer(body, tokenizer: tokenizer)
    }
    #expect(headless.kind == .unsupported && headless.site.field == "task", "\(headless)")

    let (model, _) = try model(["negative", "positive"])
    let folder = try files.reviewFolder()
    let unknown = try failure { () throws(CheckpointError) in
      try Trainer(model, tokenizer: tokenizer).run(training: .textFolder(folder + "/train"))
    }
    #expect(unknown.kind == .inconsistent && unknown.site.file == folder + "/train/neg/0_1.txt")
    #expect(unknown.problem == "the label 'neg' is none of 'negative', 'positive'")
  }

  @Test("A run goes on with the task, the parameters and the teacher that it was begun with")
  func resumed() throws {
    let data = try TrainingData(path: files.reviews())
    let output = try files.newPath("run")
    let source = try ModelSource(files.directory("bert-classifier", "bert-uncased"))
    let (first, tokenizer) = try model()
    try Trainer(first, tokenizer: tokenizer)
      .run(
        training: data, output: TrainingOutput(output, of: first, tokenizerFrom: source))
    let checkpoint = try #require(try TrainingOutput.latestCheckpoint(in: output))

    func failure(
      frozen: String? = nil, hasTeacher: Bool = false, task: TrainingTask? = nil
    ) throws -> CheckpointError? {
      let model = try BertForSequenceClassification.load(from: checkpoint, options: .training())
      if let frozen { try model.parameters.freeze(NamePattern(frozen)) }
      let trainer = try Trainer(model, tokenizer: tokenizer, task: task)
      if hasTeacher { try trainer.learn(from: Teacher(first)) }
      do throws(CheckpointError) {
        try trainer.resume(from: checkpoint)
        return nil
      } catch {
        return error
      }
    }
    #expect(try failure() == nil)
    let teacher = try #require(try failure(hasTeacher: true))
    #expect(teacher.kind == .mismatch && teacher.site.field == "teacher", "\(teacher)")
    #expect(
      teacher.problem
        == "the run was begun with none and cannot go on with BertForSequenceClassification")
    #expect(try failure(frozen: "bert.embeddings.*")?.site.field == "frozen")
    #expect(try failure(frozen: "bert.*")?.problem.contains("all but classifier.weight") == true)
    let several = try TrainingTask(
      .classification, of: data, problem: .multiLabelClassification)
    #expect(try failure(task: several)?.site.field == "problem")
  }

  // MARK: Batches

  private func loader(
    _ order: ExampleOrder = .random, batchSize: Int = 3, batchesPerStep: Int = 1,
    texts: [String] = (0..<10).map { String(repeating: "a ", count: $0 + 1) }
  ) throws -> DataLoader {
    let (model, tokenizer) = try model()
    let task = try TrainingTask(of: model)
    let rows = texts.enumerated().map { number, text in
      DataRow(
        .object([
          JSONValue.Member("text", .string(text)), JSONValue.Member("label", .string("good")),
        ]), file: "rows", line: number + 1)
    }
    return try DataLoader(
      task.prepared(TrainingData(rows), tokenizer, length: 30, takesTypes: true),
      Collator(task, tokenizer: tokenizer), batchSize: batchSize, order: order,
      batchesPerStep: batchesPerStep)
  }

  @Test("Each epoch has every example once, whatever batch is asked for first")
  func epochs() throws {
    let loader = try loader()
    #expect(loader.batchesPerEpoch == 4)
    let all = try (0..<8).map { try loader.batch($0) }
    #expect(all.map(\.lengths.count) == [3, 3, 3, 1, 3, 3, 3, 1])
    let (first, second) = (all[..<4].flatMap(\.lengths), all[4...].flatMap(\.lengths))
    #expect(first.sorted() == second.sorted() && first != second)
    #expect(Set(first).count == 10)
    let again = try self.loader()
    for number in [6, 1, 7, 0, 1] {
      let batch = try again.batch(number)
      #expect(batch.inputs.inputIDs == all[number].inputs.inputIDs)
      #expect(batch.inputs.attentionMask == all[number].inputs.attentionMask)
    }
    #expect(all[3].inputs.attentionMask == nil && all[3].lossTerms == 1)
  }

  @Test("Orders, and steps of several batches")
  func orders() throws {
    let sequential = try loader(.sequential)
    #expect(try sequential.batch(0).lengths == sequential.batch(4).lengths)
    #expect(try sequential.batch(0).lengths == [3, 4, 5])
    // The longest comes first, although the examples are texts yet.
    let grouped = try loader(.byLength)
    #expect(try grouped.batch(0).lengths[0] == 12)
    let steps = try loader(batchesPerStep: 3)
    #expect((0..<4).map { steps.batches(of: $0) } == [0..<3, 3..<4, 4..<7, 7..<8])
    let one = try loader()
    for number in 0..<8 {
      #expect(try steps.batch(number).inputs.inputIDs == one.batch(number).inputs.inputIDs)
    }
  }

  @Test("Batches that cannot be are refused")
  func noBatches() throws {
    let loader = try loader()
    for number in [-1, .max, .max - 1] {
      #expect(throws: CheckpointError.self) { try loader.batch(number) }
    }
    for (size, perStep) in [(0, 1), (3, 0), (.max, .max), (1, .max)] {
      #expect(throws: CheckpointError.self) {
        try self.loader(batchSize: size, batchesPerStep: perStep)
      }
    }
    #expect(throws: CheckpointError.self) { try self.loader(texts: []) }
    let short = TrainingExample(ids: [1, 2, 3], typeIDs: [0, 0, 0, 1], label: .text(0))
    let error = try #require(throws: CheckpointError.self) { try loader.collator([short]) }
    #expect(error.problem == "it has 3 tokens, and 4 token types", "\(error)")
    let labels = TrainingExample(ids: [1, 2, 3], label: .tokens([0]))
    #expect(throws: CheckpointError.self) { try loader.collator([labels]) }
    #expect(throws: CheckpointError.self) {
      try loader.collator([TrainingExample(ids: [1], label: .text(0))], draws: [1, 2])
    }
  }

  @Test("What is hidden follows from the draw")
  func hidden() throws {
    let directory = try files.directory("bert-masked", "bert-uncased")
    let model = try BertForMaskedLM.load(from: directory, options: .training())
    let tokenizer = try ModelSource(directory).tokenizer()
    let task = try TrainingTask(of: model)
    let collator = try Collator(task, tokenizer: tokenizer, seed: 3)
    let text = String(repeating: "a good day ", count: 12)
    let example = TrainingExample(try tokenizer.encode(text), takesTypes: true)
    let batch = try collator([example, example, example], draws: [5, 6, 5])
    let ids = batch.inputs.inputIDs.elements
    let length = example.ids.count
    #expect(Array(ids[..<length]) == Array(ids[(2 * length)...]))
    #expect(Array(ids[..<length]) != Array(ids[length..<2 * length]))
    let mask = try #require(tokenizer.maskTokenID)
    #expect(batch.lossTerms > 0 && ids.contains(mask))
    // Tokens of which it is not known that they are text are never hidden.
    let plain = TrainingExample(ids: example.ids, label: .none)
    #expect(try collator([plain]).lossTerms == 0)
  }

  // MARK: Operators of one's own

  /// Squares of numbers.
  private struct Squaring: Derivative {
    let input: Tensor
    var rows = 0

    func gradients(
      _ gradient: Tensor, in context: ExecutionContext
    ) throws(CheckpointError) -> [Tensor?] {
      let slopes = zip(input.values, gradient.values).map { 2 * $0 * $1 }
      return [
        try Tensor(
          rows: input.rows + rows, columns: input.columns,
          slopes + Array(repeating: 0, count: rows * input.columns))
      ]
    }
  }

  @Test("Gradients go through an operator of one's own, and what is wrong with it is an error")
  func ownOperator() throws {
    let context = try ExecutionContext(threads: 1)
    func squared(_ input: Tensor, _ derivative: Squaring? = nil) throws -> Tensor {
      try Tensor(
        rows: input.rows, columns: input.columns, input.values.map { $0 * $0 }
      ).recorded(as: "squared", from: [input], in: context) {
        derivative ?? Squaring(input: input.detached)
      }
    }
    let x = try Tensor(rows: 2, columns: 2, [1, -2, 3, 0.5])
    #expect(try !squared(x).requiresGradient)
    let learned = x.requiringGradient(in: context)
    let upstream = try Tensor(rows: 2, columns: 2, [1, 1, 10, 1])
    let found = try gradients(of: squared(learned), from: upstream, for: [learned])[0]
    #expect(found?.values == [2, -4, 60, 1])
    let other = x.requiringGradient(in: context)
    let wrong = try squared(other, Squaring(input: x, rows: 1))
    let error = try #require(throws: CheckpointError.self) {
      try gradients(of: wrong, from: upstream, for: [other])
    }
    #expect(error.kind == .mismatch && error.problem == "expected 2 rows, found 3", "\(error)")
  }
}
