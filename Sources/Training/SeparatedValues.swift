internal import CheckpointBytes

/// Rows under a header, their fields separated by commas or tabs, those with separators or ends of lines in quotes (RFC 4180). A line ends
/// with a line feed, a carriage return, or both, as for Python's `csv`.
enum SeparatedValues {
  static func rows(_ path: String, separator: Character) throws(CheckpointError) -> [DataRow] {
    let file = try SourceFile(path: path)
    let bytes = try file.bytes(at: 0, count: file.size)
    var parser = Parser(bytes: bytes, separator: separator.asciiValue ?? 0x2C, path: path)
    guard let header = try parser.next() else { return [] }
    var known: Set<ExactName> = []
    for name in header.fields where !known.insert(ExactName(name)).inserted {
      throw DataRow(.null, file: path, line: header.line)
        .failure(.malformed, nil, "the column \(quoted(name)) is there twice")
    }
    var rows: [DataRow] = []
    while let row = try parser.next() {
      guard row.fields.count == header.fields.count else {
        throw DataRow(.null, file: path, line: row.line).failure(
          .malformed, nil,
          "expected \(header.fields.count) fields as the header has, found \(row.fields.count)")
      }
      rows.append(DataRow(columns: header.fields, row.fields, file: path, line: row.line))
    }
    return rows
  }

  private struct Parser {
    let bytes: [UInt8]
    let separator: UInt8
    let path: String
    private var place = 0
    private var line = 1

    private static let quote: UInt8 = 0x22
    private static let lineFeed: UInt8 = 0x0A
    private static let carriageReturn: UInt8 = 0x0D

    init(bytes: [UInt8], separator: UInt8, path: String) {
      self.bytes = bytes
      self.separator = separator
      self.path = path
      // A byte order mark, as spreadsheets write it.
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { place = 3 }
    }

    /// The next row that is not empty; nil at the end.
    mutating func next() throws(CheckpointError) -> (fields: [String], line: Int)? {
      while place < bytes.count, endsLine(bytes[place]) {
        place += 1
        countLine()
      }
      guard place < bytes.count else { return nil }
      let first = line
      var fields: [String] = []
      while true {
        fields.append(try field(first))
        guard place < bytes.count, bytes[place] == separator else { break }
        place += 1
      }
      return (fields, first)
    }

    private mutating func field(_ first: Int) throws(CheckpointError) -> String {
      let row = DataRow(.null, file: path, line: first)
      guard place < bytes.count, bytes[place] == Self.quote else {
        let start = place
        while place < bytes.count, bytes[place] != separator, !endsLine(bytes[place]) {
          place += 1
        }
        return try TrainingData.string(bytes[start..<place], row)
      }
      place += 1
      var content: [UInt8] = []
      while true {
        guard place < bytes.count else {
          throw row.failure(.malformed, nil, "a quote is not closed")
        }
        let byte = bytes[place]
        place += 1
        if byte != Self.quote {
          countLine()
          content.append(byte)
        } else if place < bytes.count, bytes[place] == Self.quote {
          content.append(byte)
          place += 1
        } else {
          break
        }
      }
      guard place == bytes.count || bytes[place] == separator || endsLine(bytes[place]) else {
        throw row.failure(
          .malformed, nil, "a quote is followed by neither separator nor end of line")
      }
      return try TrainingData.string(content[...], row)
    }

    private func endsLine(_ byte: UInt8) -> Bool {
      byte == Self.lineFeed || byte == Self.carriageReturn
    }

    /// Counts the line that the byte before the place ends, if it does: of both bytes the second.
    private mutating func countLine() {
      let last = bytes[place - 1]
      guard endsLine(last) else { return }
      if last == Self.lineFeed || place == bytes.count || bytes[place] != Self.lineFeed {
        line += 1
      }
    }
  }
}
