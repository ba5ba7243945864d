internal import CheckpointBytes
internal import LanguageModels
internal import TensorEngine

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What a model makes of examples that it does not learn from.
struct Evaluation {
  let task: TrainingTask
  let padding: Int
  let masking: Masking?
  let seed: UInt64

  private var predictions: [Int] = []
  private var labels: [Int] = []
  private var numbers: (found: [Double], wanted: [Double]) = ([], [])
  private var sets: (found: [[Bool]], wanted: [[Bool]]) = ([], [])
  private var tags: (found: [[String]], wanted: [[String]]) = ([], [])
  private var search = AnswerSearch()

  init(_ task: TrainingTask, padding: Int, masking: Masking?, seed: UInt64) {
    self.task = task
    self.padding = padding
    self.masking = masking
    self.seed = seed
  }

  /// Mean loss and metrics, by name.
  ///
  /// - Throws: What ``check(_:batchSize:)`` and running throw.
  mutating func run(
    _ model: any LanguageModel, _ examples: [TrainingExample], batchSize: Int
  ) throws(CheckpointError) -> [(name: String, value: Double)] {
    let terms = try check(examples, batchSize: batchSize)
    var options = RunOptions(padding: .skipped)
    // Of language models the loss is all that is wanted.
    if task.masks || task.kind == .causalLM { options.scoredTokens = .labelled }
    var mean = 0.0
    for start in stride(from: 0, to: examples.count, by: batchSize) {
      let (batch, made) = try self.batch(of: examples, from: start, size: batchSize)
      let outputs = try withoutGradients { () throws(CheckpointError) in
        try model.run(made.inputs, options)
      }
      let shares = made.terms.shares(of: terms).labels
      for (part, share) in zip(outputs.lossParts, shares) where share > 0 {
        mean += Double(part.values[0]) * share
      }
      take(outputs, batch)
    }
    return [("loss", mean)] + metrics(mean)
  }

  /// What the means of the loss of examples are made of.
  ///
  /// - Throws: `inconsistent` if one of them is made of nothing: no number says then how far the model is from the labels.
  @discardableResult
  func check(
    _ examples: [TrainingExample], batchSize: Int
  ) throws(CheckpointError) -> LossTerms {
    guard !examples.isEmpty else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "evaluation"),
        "there are no examples to measure by")
    }
    let terms = LossTerms(
      sumOf: try stride(from: 0, to: examples.count, by: batchSize).map {
        (start) throws(CheckpointError) in
        try batch(of: examples, from: start, size: batchSize).made.terms
      })
    guard !terms.labels.isEmpty, !terms.labels.contains(0) else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "evaluation"),
        masking == nil
          ? "none of the \(examples.count) examples to measure by has a label that counts"
          : "no token of the \(examples.count) examples to measure by happens to be hidden")
    }
    return terms
  }

  private func batch(
    of examples: [TrainingExample], from start: Int, size: Int
  ) throws(CheckpointError) -> (examples: [TrainingExample], made: ExampleBatch) {
    let batch = Array(examples[start..<min(examples.count, start + size)])
    var place = start
    let made = try ExampleBatch(
      batch, padding: padding,
      masking: masking.map { masking in
        { [seed] example in
          // The same masks at each evaluation.
          var generator = CounterGenerator(
            seed: ~seed, .masking, number: UInt32(truncatingIfNeeded: place))
          place += 1
          return masking(example, &generator)
        }
      })
    return (batch, made)
  }

  private mutating func take(_ outputs: ModelOutputs, _ batch: [TrainingExample]) {
    switch task.kind {
    case .classification:
      for (row, example) in zip(outputs.logits?.rows ?? [], batch) {
        switch example.label {
        case .text(let label):
          predictions.append(row.largest)
          labels.append(label)
        case .numbers(let wanted) where task.problem == .regression:
          guard let number = wanted.first, let found = row.first else { continue }
          numbers.found.append(Double(found))
          numbers.wanted.append(number)
        case .numbers(let wanted):
          sets.found.append(row.map { $0 > 0 })
          sets.wanted.append(wanted.map { $0 > 0.5 })
        default: break
        }
      }
    case .tokenClassification:
      for (number, example) in batch.enumerated() {
        guard case .tokens(let classes) = example.label else { continue }
        var (found, wanted): ([String], [String]) = ([], [])
        for (place, label) in classes.enumerated() where label != ignoredLabel {
          guard let row = outputs.logits?.row(number, place) else { continue }
          found.append(task.labels.names[row.largest])
          wanted.append(task.labels.names[label])
        }
        tags.found.append(found)
        tags.wanted.append(wanted)
      }
    case .questionAnswering:
      let (starts, ends) = (outputs["start_logits"]?.rows ?? [], outputs["end_logits"]?.rows ?? [])
      for ((start, end), example) in zip(zip(starts, ends), batch) {
        guard let passage = example.passage else { continue }
        search.take(passage, starts: start, ends: end)
      }
    case .preTraining:
      for (row, example) in zip(outputs["seq_relationship_logits"]?.rows ?? [], batch) {
        guard case .nextSentence(let label) = example.label else { continue }
        predictions.append(row.largest)
        labels.append(label)
      }
    case .maskedLM, .causalLM: break
    }
  }

  private func metrics(_ loss: Double) -> [(name: String, value: Double)] {
    switch task.kind {
    case .classification:
      switch task.problem {
      case .regression: return Metrics.regression(numbers.found, numbers.wanted)
      case .multiLabelClassification: return Metrics.severalClasses(sets.found, sets.wanted)
      case .singleLabelClassification:
        return Metrics.classification(predictions, labels, classes: task.labels.count)
      }
    case .tokenClassification: return Metrics.entities(tags.found, tags.wanted)
    case .questionAnswering: return search.metrics
    case .maskedLM, .causalLM: return [("perplexity", exp(loss))]
    case .preTraining:
      return Metrics.classification(predictions, labels, classes: 2)
        .filter { $0.name == "accuracy" }.map { ("next_sentence_accuracy", $0.value) }
    }
  }
}

extension [Float] {
  /// The place of the largest, the first of equal ones.
  fileprivate var largest: Int { indices.reduce(0) { self[$1] > self[$0] ? $1 : $0 } }
}
