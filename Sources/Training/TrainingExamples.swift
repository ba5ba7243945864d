internal import CheckpointBytes
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
  var takesTime: Bool { if case .texts = storage { true } else { false } }

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

  /// - Throws: `inconsistent` for a text without a token, and what encoding throws, with the file and the line of the row.
  func examples(at numbers: [Int]) throws(CheckpointError) -> [TrainingExample] {
    let texts = numbers.map { inputs[$0] }
    let made: [TrainingExample]
    do throws(CheckpointError) {
      let encodings = try tokenizer.encodeBatch(texts, options: options)
      made = zip(numbers, encodings).map { example($0, $1) }
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
    // In a batch with others it would be a row of padding.
    for (number, example) in zip(numbers, made) where example.ids.isEmpty {
      throw rows[number].failure(.inconsistent, nil, "its text has no token")
    }
    return made
  }
}
