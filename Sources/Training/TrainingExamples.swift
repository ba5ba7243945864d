internal import CheckpointBytes
internal import Dispatch
internal import Synchronization
internal import Tokenizers

/// The examples of a run: as tokens, or as texts that become tokens when a step needs them.
public struct TrainingExamples: Sendable {
  private enum Storage: Sendable {
    case tokens([TrainingExample])
    case texts(TextExamples)
  }

  private let storage: Storage

  /// Examples that are tokens already.
  public init(_ examples: [TrainingExample]) { storage = .tokens(examples) }

  init(_ texts: TextExamples) { storage = .texts(texts) }

  /// The number of examples.
  public var count: Int {
    switch storage {
    case .tokens(let examples): examples.count
    case .texts(let texts): texts.rows.count
    }
  }

  /// The tokens of each example, if they are known without work.
  var lengths: [Int]? {
    if case .tokens(let examples) = storage { examples.map(\.ids.count) } else { nil }
  }

  /// True if it takes time to have some of them.
  fileprivate var takesTime: Bool { if case .texts = storage { true } else { false } }

  /// All of them as tokens.
  func all() throws(CheckpointError) -> [TrainingExample] { try examples(at: Array(0..<count)) }

  /// Some of them as tokens, in the order of their numbers.
  func examples(at numbers: [Int]) throws(CheckpointError) -> [TrainingExample] {
    switch storage {
    case .tokens(let examples): numbers.map { examples[$0] }
    case .texts(let texts): try texts.examples(at: numbers)
    }
  }
}

/// Examples of which each is a row: what is wrong with rows has been told, and their texts are to be encoded.
struct TextExamples: Sendable {
  let rows: [DataRow]
  let inputs: [TokenizerInput]
  let tokenizer: Tokenizer
  let options: EncodingOptions
  /// What the tokens of a row's text are with its label.
  let example: @Sendable (_ number: Int, Encoding) -> TrainingExample

  /// - Throws: What encoding throws, with the file and the line of the row.
  func examples(at numbers: [Int]) throws(CheckpointError) -> [TrainingExample] {
    let texts = numbers.map { inputs[$0] }
    do throws(CheckpointError) {
      let encodings = try tokenizer.encodeBatch(texts, options: options)
      return zip(numbers, encodings).map { example($0, $1) }
    } catch {
      for (number, text) in zip(numbers, texts) {
        do throws(CheckpointError) {
          _ = try tokenizer.encode(text.text, pair: text.pair, options: options)
        } catch {
          throw rows[number].failure(error.kind, nil, error.problem, remedy: error.remedy)
        }
      }
      throw error
    }
  }
}

/// Hands out the examples of one step after the other: those of the next step are encoded on another thread while a step is computed.
final class ExampleFeed {
  /// What the other thread makes.
  private final class Work: Sendable {
    let numbers: [Int]
    private let done = DispatchSemaphore(value: 0)
    private let result = Mutex<Result<[TrainingExample], CheckpointError>?>(nil)

    init(_ numbers: [Int], of examples: TrainingExamples, on queue: DispatchQueue) {
      self.numbers = numbers
      queue.async { [self] in
        let made = Result { () throws(CheckpointError) in try examples.examples(at: numbers) }
        result.withLock { $0 = made }
        done.signal()
      }
    }

    /// Waits until it is made. Nil if it was taken before.
    func take() -> Result<[TrainingExample], CheckpointError>? {
      done.wait()
      return result.withLock { result in
        defer { result = nil }
        return result
      }
    }
  }

  private let examples: TrainingExamples
  private let queue = DispatchQueue(label: "weighbridge.examples")
  private var ahead: Work?

  init(_ examples: TrainingExamples) { self.examples = examples }

  /// The examples of a step.
  ///
  /// - Parameter next: The numbers of the step that comes then; none at the end.
  /// - Throws: What encoding the step's own examples throws: the next step's failures wait for it.
  func examples(
    at numbers: [Int], before next: [Int]
  ) throws(CheckpointError) -> [TrainingExample] {
    let begun = ahead?.numbers == numbers ? ahead : nil
    ahead = nil
    let found =
      begun?.take()
      ?? Result { () throws(CheckpointError) in
        try examples.examples(at: numbers)
      }
    let result = try found.get()
    if !next.isEmpty, examples.takesTime { ahead = Work(next, of: examples, on: queue) }
    return result
  }
}
