package import CheckpointBytes

/// Reads rows out of Arrow's interprocess format (arrow/format/{Message,Schema,File}.fbs, versions 4 and 5): a stream from its
/// beginning, or several behind one another; a file by its footer, or from its beginning where it comes through a pipe. ``ArrowWriter``
/// has the drawing of it.
///
/// Each column is a member of the rows, by its name. No more than one record batch lies in memory, and no more is believed of a size
/// than what has come.
package struct ArrowReader: Sendable {
  private let input: ByteInput
  /// What has been read, and not looked at.
  private var beginning: ArraySlice<UInt8>
  /// How much has been read.
  private var offset: Int
  private let isFile: Bool
  /// Where the record batches of a file lie that are still to be read; nil before the footer is read, and for what has none.
  private var blocks: ArraySlice<Range<Int>>?
  private var columns: [ArrowColumn]? {
    didSet {
      if case .text? = columns?.first(where: { $0.name == "id" })?.kind { hasTextIDs = true }
    }
  }
  /// True if a column `id` of texts has been told of.
  package private(set) var hasTextIDs = false
  /// The columns that can have values, with those of the batch.
  private var batch: [(name: ExactName, values: ArrowValues)] = []
  private var rowCount = 0
  private var row = 0
  private var isAtEnd = false

  /// The most bytes of a message that tells columns or buffers.
  static let greatestMessage = 1 << 24
  /// The most bytes of a record batch; they lie in memory.
  static let greatestBody = 1 << 30
  /// The most columns.
  static let greatestColumnCount = 4096
  /// About how many bytes of values are given at a time.
  private static let blockByteCount = 1 << 14

  private static let streamMarker: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
  private static let fileMarker = Array("ARROW1".utf8)

  /// Whether an input that begins so is Arrow's; nil if more of it must be seen. No text in UTF-8 begins with such a stream's byte.
  package static func recognizes(_ beginning: [UInt8]) -> Bool? {
    for marker in [streamMarker, fileMarker] {
      if beginning.starts(with: marker) { return true }
      if marker.starts(with: beginning) { return nil }
    }
    return false
  }

  /// Reads an input.
  ///
  /// - Parameter beginning: What has been read of it already, and ``recognizes(_:)``.
  package init(_ input: ByteInput, beginning: [UInt8]) {
    self.input = input
    self.beginning = beginning[...]
    offset = beginning.count
    isFile = beginning.starts(with: Self.fileMarker)
  }

  /// The next rows, and the place of the first, from 0; nil at the end.
  ///
  /// A text that is not UTF-8 is its row's own error. What is wrong with the stream ends it.
  /// - Throws: `truncated`, `malformed`, `limitExceeded` or `unsupported` with the place in the stream, and what reading throws.
  package mutating func next() throws(CheckpointError) -> [Result<TaskRow, UnreadableRow>]? {
    while row == rowCount {
      guard !isAtEnd, try readMessage() else {
        isAtEnd = true
        return nil
      }
    }
    var rows: [Result<TaskRow, UnreadableRow>] = []
    var byteCount = 0
    while row < rowCount, byteCount < Self.blockByteCount {
      rows.append(taskRow(row, &byteCount))
      row += 1
    }
    return rows
  }

  private func taskRow(_ row: Int, _ byteCount: inout Int) -> Result<TaskRow, UnreadableRow> {
    var members: [JSONValue.Member] = []
    for (name, values) in batch {
      do throws(ParseFailure) {
        guard let value = try values.value(row) else { continue }
        byteCount += 16 + (value.string?.utf8.count ?? 16 * (value.elements?.count ?? 0))
        members.append(JSONValue.Member(name, value))
      } catch {
        let field = "column \(quoted(name.string))"
        return .failure(
          UnreadableRow(
            id: try? batch.first { $0.name == "id" }?.values.value(row),
            error: CheckpointError(error.kind, file: input.name, field: field, error.problem)))
      }
    }
    byteCount += 16
    return .success(TaskRow(members))
  }

  /// Reads a message.
  ///
  /// - Returns: False at the end.
  private mutating func readMessage() throws(CheckpointError) -> Bool {
    if isFile, let size = input.size {
      if blocks == nil { try readFooter(ofFile: size) }
      guard let block = blocks?.popFirst() else { return false }
      (beginning, offset) = ([], block.lowerBound)
      guard try readNext(), offset <= block.upperBound else {
        throw failure(
          .malformed, block.lowerBound, "message",
          "expected a record batch of \(block.count) bytes, as the footer says")
      }
      return true
    }
    if isFile, columns == nil, beginning.count == Self.fileMarker.count {
      // The marker is filled up to eight bytes.
      _ = try bytes(8, "ARROW1", isEndAllowed: false)
    }
    return try readNext()
  }

  /// Reads the message that is next in the bytes.
  ///
  /// - Returns: False at the end.
  private mutating func readNext() throws(CheckpointError) -> Bool {
    let place = offset - beginning.count
    let marker = try bytes(4, "message", isEndAllowed: !isFile)
    if marker.isEmpty { return false }
    guard marker == Self.streamMarker else {
      throw failure(
        .malformed, place, "message", "expected the bytes FF FF FF FF",
        remedy: isFile && input.size == nil
          ? "polars puts none into files: give the file by its name, or a stream (write_ipc_stream)"
          : nil)
    }
    let size = Self.number(try bytes(4, "size of a message", isEndAllowed: false))
    if size == 0 {
      if isFile {
        if blocks == nil { try checkEnd() }
        return false
      }
      // Streams behind one another are like lines behind one another, each with columns of its own.
      columns = nil
      return true
    }
    guard size > 0 else {
      throw failure(.malformed, place, "size of a message", "\(size) bytes")
    }
    guard size <= Self.greatestMessage else {
      throw failure(
        .limitExceeded, place, "size of a message",
        "\(size) bytes, more than \(Self.greatestMessage)")
    }
    let bytes = try bytes(size, "message", isEndAllowed: false)
    let start = offset - size
    let message = try located { () throws(ParseFailure) in
      try FlatBufferTable(root: bytes, base: start, "message")
    }
    try readBody(of: message, at: start)
    return true
  }

  /// Reads the columns of a file, and where its record batches are: what lies between them is nobody's.
  private mutating func readFooter(ofFile size: Int) throws(CheckpointError) {
    (beginning, offset) = ([], max(0, size - Self.endByteCount))
    let end = try bytes(Self.endByteCount, "footer", isEndAllowed: false)
    let count = Self.number(Array(end[..<4]))
    let start = size - end.count - count
    guard Array(end[4...]) == Self.fileMarker, count > 0, start >= 8 else {
      throw Self.cut(input.name, size)
    }
    guard count <= Self.greatestMessage else {
      throw failure(
        .limitExceeded, size - end.count, "footer",
        "\(count) bytes, more than \(Self.greatestMessage)")
    }
    offset = start
    let footer = try bytes(count, "footer", isEndAllowed: false)
    (columns, blocks) = try located { () throws(ParseFailure) in
      let table = try FlatBufferTable(root: footer, base: start, "footer")
      guard let schema = try table.table(1, "schema") else {
        throw ParseFailure(.malformed, at: start, "footer", "it has no schema")
      }
      let columns = try Self.columns(of: schema, at: start)
      guard try table.blocks(2, "dictionaries").isEmpty else {
        throw ParseFailure(.malformed, at: start, "footer", "dictionaries for no column")
      }
      // None over another: few bytes would be as many rows as the file likes.
      var end = 8
      var blocks: [Range<Int>] = []
      for block in try table.blocks(3, "record batches") {
        guard block.lowerBound >= end, block.upperBound <= start else {
          throw ParseFailure(
            .malformed, at: start, "footer",
            "a record batch at \(block.lowerBound), expected it behind \(end) and before \(start)")
        }
        end = block.upperBound
        blocks.append(block)
      }
      // Behind the last batch is the end of the stream; without one there is the schema, which the footer has, too.
      let others = start - end - (blocks.isEmpty ? count : 0)
      guard others <= Self.greatestGap else { throw Self.several(at: end, others) }
      return (columns, blocks[...])
    }
  }

  /// Reads to the end of a file that comes through a pipe, so that one that is cut is not taken for a whole one.
  private mutating func checkEnd() throws(CheckpointError) {
    var (end, count) = (Array(beginning), beginning.count)
    beginning = []
    while case let piece = try input.bytes(at: offset, atMost: 1 << 16), !piece.isEmpty {
      offset += piece.count
      count += piece.count
      end = Array((end + piece).suffix(Self.endByteCount))
    }
    end = Array(end.suffix(Self.endByteCount))
    guard end.count == Self.endByteCount, Array(end[4...]) == Self.fileMarker,
      (1...max(1, count - end.count)).contains(Self.number(Array(end[..<4])))
    else { throw Self.cut(input.name, offset) }
    let others = count - end.count - Self.number(Array(end[..<4]))
    guard others <= Self.greatestGap else {
      throw Self.several(at: offset - count, others).located(file: input.name)
    }
  }

  /// What a file has before its footer, so that another one's rows would be passed over.
  private static func several(at place: Int, _ others: Int) -> ParseFailure {
    ParseFailure(
      .unsupported, at: place, "footer",
      "\(others) bytes before it are none of its record batches: more than one file is here",
      remedy: "of several inputs behind one another each has to be a stream, not a file")
  }

  /// What follows a footer: its size, and the marker.
  private static let endByteCount = 4 + fileMarker.count
  /// The most bytes before a footer that are of no batch: an end of stream (8 bytes), and what pads the marker and the schema to 64, the
  /// greatest alignment that Arrow recommends. A file that stands there has more: a marker, a schema, a footer and a marker again.
  private static let greatestGap = 128

  private static func cut(_ file: String, _ size: Int) -> CheckpointError {
    CheckpointError(
      .truncated, file: file, offset: size, field: "footer",
      "expected a file to end with its footer, the footer's size and ARROW1")
  }

  /// Reads what a message tells, and what follows it.
  private mutating func readBody(
    of message: FlatBufferTable, at place: Int
  ) throws(CheckpointError) {
    let (version, type, size) = try located { () throws(ParseFailure) in
      (
        try message.number(0, else: Int16(0)), try message.number(1, else: UInt8(0)),
        try message.number(3, else: Int64(0))
      )
    }
    guard version == 3 || version == 4 else {
      throw failure(.unsupported, place, "version", "expected 3 or 4 (V4 or V5), found \(version)")
    }
    guard size >= 0, size <= Self.greatestBody else {
      throw failure(
        size < 0 ? .malformed : .limitExceeded, place, "bodyLength",
        "\(size) bytes, more than \(Self.greatestBody)", remedy: "send smaller record batches")
    }
    let body = try bytes(Int(size), "body of a message", isEndAllowed: false)
    let base = offset - body.count
    let header = try located { () throws(ParseFailure) in try message.table(2, "message") }
    switch (type, header, columns) {
    case (1, let schema?, nil):
      columns = try located { () throws(ParseFailure) in try Self.columns(of: schema, at: place) }
    case (3, let header?, let columns?):
      let (count, values) = try located { () throws(ParseFailure) in
        try Self.values(of: columns, header, body, at: base)
      }
      (rowCount, row, batch) = (count, 0, values)
    case (1, _, .some):
      throw failure(.malformed, place, "message", "a second schema")
    case (1, nil, _), (3, nil, _):
      throw failure(.malformed, place, "message", "it says nothing")
    case (2, _, _), (3, _, _):
      throw failure(
        .malformed, place, "message",
        columns == nil ? "expected the schema first" : "a dictionary for no column")
    default: throw failure(.unsupported, place, "message", "expected a schema or a record batch")
    }
  }

  private static func columns(
    of schema: FlatBufferTable, at place: Int
  ) throws(ParseFailure) -> [ArrowColumn] {
    guard try schema.number(0, else: Int16(0)) == 0 else {
      throw ParseFailure(.unsupported, at: place, "endianness", "numbers are big-endian")
    }
    var columns: [ArrowColumn] = []
    var names: Set<ExactName> = []
    // Texts may share bytes in a FlatBuffer: a short message could hold long names without end.
    var left = schema.byteCount
    for field in try schema.tables(1, atMost: greatestColumnCount, "fields") {
      let column = try ArrowColumn(field, at: place)
      left -= column.name.byteCount
      guard left >= 0 else {
        throw ParseFailure(
          .malformed, at: place, "fields", "the names of columns are longer than the message")
      }
      guard names.insert(column.name).inserted else {
        throw ParseFailure(
          .malformed, at: place, "column \(quoted(column.name.string))", "there are two of them")
      }
      columns.append(column)
    }
    // Rows without a value need no bytes: a few would be as many rows as the stream likes.
    guard columns.contains(where: { if case .null = $0.kind { false } else { true } }) else {
      throw ParseFailure(.unsupported, at: place, "fields", "no column can have values")
    }
    return columns
  }

  private static func values(
    of columns: [ArrowColumn], _ header: FlatBufferTable, _ body: [UInt8], at base: Int
  ) throws(ParseFailure) -> (count: Int, values: [(name: ExactName, values: ArrowValues)]) {
    var parts = try ArrowBatchParts(header, body, at: base)
    var values: [(name: ExactName, values: ArrowValues)] = []
    for column in columns {
      let next = try ArrowValues(column.kind, &parts)
      guard next.count == parts.count else {
        throw ParseFailure(
          .malformed, at: base, "column \(quoted(column.name.string))",
          "expected \(parts.count) values, found \(next.count)")
      }
      // Nor is one looked at for each row.
      if case .null = column.kind { continue }
      values.append((column.name, next))
    }
    return (parts.count, values)
  }

  private static func number(_ bytes: [UInt8]) -> Int {
    Int(
      Int32(
        truncatingIfNeeded: bytes.reversed().reduce(0) { (sum: Int64, byte) in
          sum << 8 | Int64(byte)
        }))
  }

  /// The next bytes, read in steps that grow with what has come.
  ///
  /// - Parameter isEndAllowed: True if there may be none.
  private mutating func bytes(
    _ count: Int, _ field: String, isEndAllowed: Bool
  ) throws(CheckpointError) -> [UInt8] {
    var found = Array(beginning.prefix(count))
    beginning = beginning.dropFirst(count)
    while found.count < count {
      let piece = try input.bytes(
        at: offset, atMost: min(count - found.count, max(1 << 16, found.count)))
      offset += piece.count
      guard !piece.isEmpty else {
        if found.isEmpty, isEndAllowed { return [] }
        throw failure(
          .truncated, offset - found.count, field, "expected \(count) bytes, found \(found.count)")
      }
      found += piece
    }
    return found
  }

  private func failure(
    _ kind: FailureKind, _ place: Int, _ field: String, _ problem: String, remedy: Wording? = nil
  ) -> CheckpointError {
    CheckpointError(
      kind, CheckpointError.Site(file: input.name, offset: place, field: field), problem,
      remedy: remedy)
  }

  private func located<Value>(
    _ body: () throws(ParseFailure) -> Value
  ) throws(CheckpointError) -> Value {
    try locating(file: input.name, body)
  }
}
