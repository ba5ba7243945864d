internal import Synchronization
internal import Weighbridge

/// Some rows, with their numbers.
struct RowBlock: Sendable {
  /// The file that they come from; nil for arguments.
  let file: String?
  /// What a row of the file is called.
  var unit = "line"
  /// Each row, or why it cannot be read.
  var rows: [Result<TaskRow, CheckpointError>] = []
  /// The `id` of rows that cannot be read, by their places, where that can.
  var unreadableIDs: [Int: JSONValue] = [:]
  /// Lines of a file from 1, rows of a table and arguments from 0.
  var numbers: [Int] = []

  /// The `id` of a row; null if it has none.
  func id(of place: Int) -> JSONValue {
    (try? rows[place].get())?["id"] ?? unreadableIDs[place] ?? .null
  }
}

/// The rows of a file or of standard input: lines, or an Arrow stream or file, which its first bytes tell.
final class RowFile: Sendable {
  /// Some of a file. Its rows are made by whoever takes it, which may be on another thread than the reading.
  enum Part: Sendable {
    case lines(LineBlock, LineFormat)
    /// Rows of a table, and the number of the first of them.
    case rows([Result<TaskRow, UnreadableRow>], first: Int)
  }

  private enum Content {
    case lines(LineReader, LineFormat?)
    case arrow(ArrowReader, count: Int)
  }

  /// What errors call the file.
  let name: String
  private let key: ExactName
  private let content: Mutex<Content>

  /// Opens a file; `-` is standard input.
  ///
  /// - Parameters:
  ///   - key: What a line of text is called as a member of a row.
  ///   - format: What its lines are, if it has lines; nil if that is to be seen.
  ///   - blockByteCount: About how much is read at a time.
  init(
    _ path: String, key: ExactName = "text", format: LineFormat? = nil,
    blockByteCount: Int = LineReader.blockByteCount
  ) throws(CheckpointError) {
    let input = try ByteInput(path: path)
    name = input.name
    self.key = key
    var beginning: [UInt8] = []
    while ArrowReader.recognizes(beginning) == nil {
      let next = try input.bytes(at: beginning.count, atMost: 1)
      if next.isEmpty { break }
      beginning += next
    }
    if ArrowReader.recognizes(beginning) == true {
      content = Mutex(.arrow(ArrowReader(input, beginning: beginning), count: 0))
    } else {
      let reader = LineReader(input, beginning: beginning, blockByteCount: blockByteCount)
      content = Mutex(.lines(reader, format))
    }
  }

  /// True if it has shown that ids are texts, by a table's columns.
  var hasTextIDs: Bool {
    content.withLock { content in
      if case .arrow(let reader, _) = content { reader.hasTextIDs } else { false }
    }
  }

  /// The marker of Parquet, and the field that its first header begins with: no text goes on so.
  private static let parquetBeginning = Array("PAR1".utf8) + [0x15]

  /// The next rows; nil at the end.
  func next() throws(CheckpointError) -> RowBlock? { try nextPart().map(rows) }

  /// The next part; nil at the end.
  func nextPart() throws(CheckpointError) -> Part? {
    let result = content.withLock { content in
      Result { () throws(CheckpointError) -> Part? in
        switch content {
        case .lines(let reader, let known):
          guard let block = try reader.next() else { return nil }
          guard block.offset > 0 || !block.bytes.starts(with: Self.parquetBeginning) else {
            throw CheckpointError(
              .unsupported, file: name, "is a Parquet file",
              remedy: "rows are lines of JSON or of text, or an Arrow stream or file")
          }
          let format = known ?? LineFormat(block, named: name)
          content = .lines(reader, format)
          return .lines(block, format ?? .text)
        case .arrow(var reader, let count):
          let rows = try reader.next()
          content = .arrow(reader, count: count + (rows?.count ?? 0))
          return rows.map { .rows($0, first: count) }
        }
      }
    }
    return try result.get()
  }

  /// The rows of a part.
  func rows(of part: Part) -> RowBlock {
    switch part {
    case .lines(let block, let format):
      var rows = RowBlock(file: name)
      format.forEachRow(of: block, named: name, key: key) { row, number in
        rows.rows.append(row)
        rows.numbers.append(number)
      }
      return rows
    case .rows(let rows, let first):
      var block = RowBlock(
        file: name, unit: "row", rows: rows.map { $0.mapError(\.error) },
        numbers: Array(first..<first + rows.count))
      for (place, row) in rows.enumerated() {
        if case .failure(let unreadable) = row { block.unreadableIDs[place] = unreadable.id }
      }
      return block
    }
  }

  /// The texts of a part for a tokenizer, which has a reader of its own for JSON lines.
  func inputs(of part: Part) throws(CheckpointError) -> [TokenizerInput] {
    if case .lines(let block, .json) = part { return try block.inputs(file: name) }
    return try rows(of: part).inputs()
  }
}
