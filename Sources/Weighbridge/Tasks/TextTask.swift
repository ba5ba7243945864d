public import CheckpointBytes

/// Something that a model does with texts, row by row: what goes in, what comes out, and both as JSON. The command line and
/// its worker are nothing but tasks that are read and written.
///
///     let model = try TextModel.load(from: "models/ner", head: .tokenClassification)
///     let tagging = try TokenClassification(model, aggregation: .simple)
///     for entity in try tagging.answer(to: "Ada weighed it in Genoa.") { print(entity.label, entity.word) }
public protocol TextTask: Sendable {
  /// What is asked.
  associatedtype Input: Sendable
  /// What is answered.
  associatedtype Output: Sendable

  /// Reads what is asked out of a row.
  ///
  /// - Throws: `notFound` or `malformed`, naming the member.
  func input(_ row: TaskRow) throws(CheckpointError) -> Input

  /// The answers, as many and in the order of the inputs: what is wrong with one is its own error and no other's.
  func answers(to inputs: [Input]) -> [Result<Output, CheckpointError>]

  /// The members of an answer as a JSON object.
  func members(of output: Output) -> [JSONValue.Member]
}

extension TextTask {
  /// The answer to one input.
  ///
  /// - Throws: What is wrong with it; what running the model throws.
  public func answer(to input: Input) throws(CheckpointError) -> Output {
    guard let answer = answers(to: [input]).first else {
      throw CheckpointError(.inconsistent, "there is no answer")
    }
    return try answer.get()
  }

  /// The answers to rows, as many and in their order. A row that could not be read, or cannot be understood, is answered by its
  /// error.
  public func answers(
    toRows rows: [Result<TaskRow, CheckpointError>]
  ) -> [Result<Output, CheckpointError>] {
    let inputs = rows.map { row in
      row.flatMap { row in Result { () throws(CheckpointError) in try input(row) } }
    }
    return answers(toEach: inputs)
  }

  /// The answers to the inputs that there are, and the errors in place of the others.
  func answers(
    toEach inputs: [Result<Input, CheckpointError>]
  ) -> [Result<Output, CheckpointError>] {
    var answers = answers(to: inputs.compactMap { try? $0.get() })[...]
    return inputs.map { input in
      input.flatMap { _ in
        answers.popFirst() ?? .failure(CheckpointError(.inconsistent, "there is no answer"))
      }
    }
  }
}

extension Array where Element == JSONValue {
  /// A list of objects.
  init(_ objects: [[JSONValue.Member]]) { self = objects.map { .object($0) } }
}

extension Result where Failure == CheckpointError {
  /// `map` for what may fail.
  package func tryMap<Value>(
    _ body: (Success) throws(CheckpointError) -> Value
  ) -> Result<Value, CheckpointError> {
    flatMap { value in
      Result<Value, CheckpointError> { () throws(CheckpointError) in try body(value) }
    }
  }
}
