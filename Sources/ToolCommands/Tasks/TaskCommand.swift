internal import ArgumentParser
internal import Synchronization
internal import Weighbridge

/// A command that answers texts, row by row, by a task. Rows are arguments, lines of a file or of standard input; a few of them
/// are in memory at a time, and answers come in their order.
protocol TaskCommand: ToolCommand, Sendable {
  associatedtype Task: TextTask
  /// The texts, and where answers go.
  var rows: TextArguments { get }
  /// What a text is called as a member of a row.
  static var textKey: ExactName { get }
  /// The members of rows that do not state them.
  var defaults: [JSONValue.Member] { get }
  /// The task, with its model loaded.
  func task(_ console: Console) throws -> Task
  /// An answer for people, with its line feed.
  func text(_ output: Task.Output, to row: TaskRow) -> String
  /// The answers to texts that are arguments, as one JSON document; nil if each has a line.
  func document(_ answers: [(row: TaskRow, output: Task.Output)], of task: Task) -> JSONValue?
}

extension TaskCommand {
  static var textKey: ExactName { "text" }
  var defaults: [JSONValue.Member] { [] }
  var replacedFiles: [String] { rows.output.map { [$0] } ?? [] }
  func document(_ answers: [(row: TaskRow, output: Task.Output)], of task: Task) -> JSONValue? {
    nil
  }

  func validate() throws { try rows.requireTexts() }

  mutating func run(on console: Console) throws -> ToolExit {
    try answer(with: try task(console), on: console)
    return .done
  }

  /// Answers all rows.
  func answer(with task: Task, on console: Console) throws(CheckpointError) {
    if rows.json, rows.file == nil, rows.output == nil {
      let answers = try argumentRows(task)
      if let document = document(answers, of: task) {
        return console.write(JSONWriter.text(document) + "\n")
      }
    }
    let isJSON = rows.json || rows.output != nil
    let answers = try LineAnswers(path: rows.output, console)
    let command = self
    try forEachBlock { (block) throws(CheckpointError) in
      var writer = JSONWriter()
      for (row, output) in try block.answered(by: task) {
        if isJSON {
          writer.write(.object(row.echo(Self.textKey) + task.members(of: output)))
          writer.writeRaw("\n")
        } else {
          writer.writeRaw(command.text(output, to: row))
        }
      }
      return writer.bytes
    } write: { (bytes) throws(CheckpointError) in
      try answers.write(bytes)
    }
    try answers.commit()
  }

  /// Makes something of each block of rows, and hands it over in order.
  ///
  /// - Parameter format: What the lines of a file are; nil if that is to be seen.
  /// - Returns: The source, at its end.
  @discardableResult func forEachBlock<Value: Sendable>(
    format: LineFormat? = nil,
    _ work: @escaping @Sendable (RowBlock) throws(CheckpointError) -> Value,
    write: @escaping @Sendable (Value) throws(CheckpointError) -> Void
  ) throws(CheckpointError) -> RowSource {
    let source = try RowSource(rows, key: Self.textKey, defaults: defaults, format: format)
    // The model's own threads do the work: a second one here reads, encodes and writes while they do.
    try inOrder(
      threadCount: 2, next: { () throws(CheckpointError) in try source.next() }, work: work,
      finish: write)
    return source
  }

  private func argumentRows(
    _ task: Task
  ) throws(CheckpointError) -> [(row: TaskRow, output: Task.Output)] {
    let source = try RowSource(rows, key: Self.textKey, defaults: defaults)
    return try source.next()?.answered(by: task) ?? []
  }
}

extension RowBlock {
  /// The answers to all rows.
  ///
  /// - Throws: What is wrong with the first row that has no answer, with its place.
  func answered<Task: TextTask>(
    by task: Task
  ) throws(CheckpointError) -> [(row: TaskRow, output: Task.Output)] {
    let outputs = task.answers(toRows: rows)
    var answers: [(row: TaskRow, output: Task.Output)] = []
    for ((row, number), output) in zip(zip(rows, numbers), outputs) {
      do throws(CheckpointError) {
        answers.append((try row.get(), try output.get()))
      } catch {
        throw placed(error, number)
      }
    }
    return answers
  }

  /// What a tokenizer takes of the rows: their texts and second texts.
  ///
  /// - Throws: What is wrong with the first row that has none, with its place.
  func inputs() throws(CheckpointError) -> [TokenizerInput] {
    var inputs: [TokenizerInput] = []
    for (row, number) in zip(rows, numbers) {
      do throws(CheckpointError) {
        inputs.append(try TokenizerInput(try row.get()))
      } catch {
        throw placed(error, number)
      }
    }
    return inputs
  }

  /// An error with the row that it is about.
  private func placed(_ error: CheckpointError, _ number: Int) -> CheckpointError {
    var error = error
    guard let file else {
      if error.site.field == "text", rows.count > 1 { error.site.field = "text \(number)" }
      return error
    }
    if error.site.file == nil {
      error.site.file = file
      error.site.field = "\(unit) \(number)" + (error.site.field.map { ": " + $0 } ?? "")
    }
    return error
  }
}

/// Rows from arguments, a file or standard input, a block at a time.
final class RowSource: Sendable {
  private let file: RowFile?
  private let key: ExactName
  private let defaults: [JSONValue.Member]
  private let arguments: Mutex<[String]?>

  /// - Parameters:
  ///   - defaults: The members of rows that do not state them.
  ///   - format: What the lines of a file are; nil if that is to be seen.
  init(
    _ texts: TextArguments, key: ExactName, defaults: [JSONValue.Member],
    format: LineFormat? = nil
  ) throws(CheckpointError) {
    file = try texts.file.map { (path) throws(CheckpointError) in
      // Small blocks: models take their time with each text, and answers come soon.
      try RowFile(path, key: key, format: format, blockByteCount: 1 << 14)
    }
    self.key = key
    self.defaults = defaults
    arguments = Mutex(texts.texts)
  }

  /// True if its ids are texts, as the columns of a table have told, whether there are rows or not.
  var hasTextIDs: Bool { file?.hasTextIDs ?? false }

  /// The next rows; nil at the end.
  func next() throws(CheckpointError) -> RowBlock? {
    guard let file else {
      let texts = arguments.withLock { texts in
        defer { texts = nil }
        return texts
      }
      return texts.map { texts in
        RowBlock(
          file: nil, rows: texts.map { .success(filled(TaskRow(key, $0))) },
          numbers: Array(texts.indices))
      }
    }
    guard var block = try file.next() else { return nil }
    block.rows = block.rows.map { $0.map(filled) }
    return block
  }

  private func filled(_ row: TaskRow) -> TaskRow { row.filled(defaults) }
}

extension TaskRow {
  /// The row with the members that it does not state.
  func filled(_ defaults: [JSONValue.Member]) -> TaskRow {
    var row = self
    for member in defaults where row[member.key] == nil { row.members.append(member) }
    return row
  }

  /// What an answer repeats of a row: its `id`, if it has one, and its text.
  func echo(_ key: ExactName) -> [JSONValue.Member] {
    members.filter { $0.key == "id" } + members.filter { $0.key == key || $0.key == "text" }
  }
}
