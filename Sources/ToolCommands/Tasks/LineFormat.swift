internal import Weighbridge

/// What the lines of a file are: JSON objects, or texts.
enum LineFormat: Sendable {
  case json
  case text

  /// What a file is, its first line decides, unless its name does.
  init?(_ block: LineBlock, named name: String) {
    guard let first = block.bytes.first(where: { !LineReader.isWhiteSpace($0) }) else { return nil }
    let isNamed = [".jsonl", ".ndjson", ".json"].contains { name.hasSuffix($0) }
    self = first == UInt8(ascii: "{") || isNamed ? .json : .text
  }

  /// Calls `body` with what each line holds that is not empty.
  ///
  /// - Parameter key: What a line of text is called as a member of a row.
  func forEachRow(
    of block: LineBlock, named name: String, key: ExactName,
    _ body: (_ row: Result<TaskRow, CheckpointError>, _ number: Int) -> Void
  ) {
    block.forEachLine { range, number in
      let line = Array(block.bytes[range])
      let row = Result { () throws(CheckpointError) -> TaskRow in
        switch self {
        case .text: TaskRow(key, try Self.text(line, number, block.offset + range.lowerBound, name))
        case .json: try Self.row(line, key, number, block.offset + range.lowerBound, name)
        }
      }
      body(row, number)
    }
  }

  private static func row(
    _ line: [UInt8], _ key: ExactName, _ number: Int, _ offset: Int, _ name: String
  ) throws(CheckpointError) -> TaskRow {
    do throws(CheckpointError) {
      let value = try locating(file: name) { () throws(ParseFailure) in
        try JSONValue(parsing: line, context: "line \(number)", base: offset)
      }
      guard let members = value.members else {
        throw CheckpointError(
          .malformed, file: name, offset: offset, field: "line \(number)", "expected an object")
      }
      return TaskRow(members)
    } catch {
      var explained = error
      explained.remedy = "each line is a JSON object, {\"\(key)\": …}"
      throw explained
    }
  }

  /// The text of a line, without the carriage return of other systems.
  private static func text(
    _ line: [UInt8], _ number: Int, _ offset: Int, _ name: String
  ) throws(CheckpointError) -> String {
    let bytes = line.last == 0x0D ? line.dropLast() : line[...]
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CheckpointError(
        .malformed, file: name, offset: offset, field: "line \(number)", "is not UTF-8")
    }
    return text
  }
}
