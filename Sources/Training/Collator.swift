public import CheckpointBytes
internal import TensorEngine
public import Tokenizers

/// Makes batches of examples, and draws for masked language modelling which tokens are hidden.
public struct Collator: Sendable {
  let padding: Int
  /// Nil for tasks in which nothing is hidden.
  let masking: Masking?
  private let seed: UInt64

  /// A collator for the examples of a task.
  ///
  /// - Parameters:
  ///   - task: What is to be learned of the examples.
  ///   - tokenizer: What made their tokens.
  ///   - padding: The token that fills up; nil for the tokenizer's, or 0 where it has none.
  ///   - seed: Of what is hidden.
  /// - Throws: `notFound` for a task that hides tokens, and a tokenizer without a mask token.
  public init(
    _ task: TrainingTask, tokenizer: Tokenizer, padding: Int? = nil, seed: UInt64 = 42
  ) throws(CheckpointError) {
    self.padding = padding ?? tokenizer.paddingTokenID ?? 0
    self.seed = seed
    guard task.masks else {
      masking = nil
      return
    }
    guard let mask = tokenizer.maskTokenID else {
      throw CheckpointError(
        .notFound, CheckpointError.Site(field: "mask_token"), "the tokenizer has no mask token")
    }
    var masking = Masking(maskID: mask, vocabularyCount: tokenizer.vocabularyCount)
    masking.takesWholeWords = task.masksWholeWords
    self.masking = masking
  }

  /// A batch.
  ///
  /// - Parameters:
  ///   - examples: What is put together.
  ///   - draws: For each example the number of the draw that says what is hidden; their places if nil. The same number hides the same.
  /// - Throws: `inconsistent` for an example without tokens; `mismatch` for examples with fewer or more types or labels than tokens, or
  ///   fewer numbers than examples.
  public func callAsFunction(
    _ examples: [TrainingExample], draws: [Int]? = nil
  ) throws(CheckpointError) -> ExampleBatch {
    let draws = draws ?? Array(examples.indices)
    guard draws.count == examples.count else {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(field: "draws"),
        "there are \(draws.count) numbers for \(examples.count) examples")
    }
    var rest = draws[...]
    return try ExampleBatch(
      examples, padding: padding,
      masking: masking.map { masking in
        { example in
          var generator = CounterGenerator(
            seed: seed, .masking, number: UInt32(truncatingIfNeeded: rest.removeFirst()))
          return masking(example, &generator)
        }
      })
  }
}
