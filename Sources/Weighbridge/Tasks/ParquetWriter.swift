internal import CheckpointBytes

/// Writes tables of ids and vectors as Parquet (parquet-format, parquet.thrift 2.10), plainly encoded and uncompressed.
///
/// ```
/// "PAR1" │ row group … │ footer │ its size │ "PAR1"
/// row group: pages of id │ pages of embedding.list.element
/// page:      header │ repetition levels │ definition levels │ values
/// ```
///
/// `ARROW:schema` in the footer says what Parquet cannot: that all lists have one length.
struct ParquetWriter {
  private typealias Value = ThriftWriter.Value

  private let file: OutputFile
  private var end = 0
  private var rowCount = 0
  private var groups: [Value] = []
  private var shape: VectorTable?

  private static let magic = Array("PAR1".utf8)
  /// About how many bytes a page has.
  private static let pageByteCount = 1 << 20

  /// Begins a file.
  init(_ file: OutputFile) { self.file = file }

  /// Writes a table as a row group.
  mutating func write(_ table: VectorTable) throws(CheckpointError) {
    try begin(table)
    let start = end
    let ids = try writeIDs(of: table)
    let vectors = try writeVectors(of: table)
    groups.append(
      .structure([
        (1, .list([ids, vectors])), (2, .int64(end - start)), (3, .int64(table.count)),
      ]))
    rowCount += table.count
  }

  /// Writes what is behind the last row group.
  ///
  /// - Parameter empty: What tells the columns where no table has been written.
  mutating func finish(_ empty: VectorTable) throws(CheckpointError) {
    try begin(empty)
    let shape = shape ?? empty
    let schema = Value.structure([
      (1, .string("ARROW:schema")),
      (2, .string(ArrowWriter.schemaMessage(of: shape).base64)),
    ])
    let footer = ThriftWriter.bytes(of: [
      (1, .int32(2)), (2, .list(Self.schema(of: shape))), (3, .int64(rowCount)),
      (4, .list(groups)), (5, .list([schema])), (6, .string("weighbridge")),
    ])
    try append(footer + Int32(footer.count).littleEndianBytes + Self.magic)
  }

  private mutating func begin(_ table: VectorTable) throws(CheckpointError) {
    guard shape == nil else { return }
    shape = VectorTable(idType: table.idType, width: table.width, isHalf: table.isHalf)
    try append(Self.magic)
  }

  private mutating func append(_ bytes: [UInt8]) throws(CheckpointError) {
    try file.write(bytes, at: end)
    end += bytes.count
  }

  private mutating func writeIDs(of table: VectorTable) throws(CheckpointError) -> Value {
    let start = end
    var row = 0
    while row < table.count {
      var values: [UInt8] = []
      let first = row
      while row < table.count, values.count < Self.pageByteCount {
        switch table.idType {
        case .number: values += table.ids[(row * 8)..<(row * 8 + 8)]
        case .text:
          let text = table.ids[(row == 0 ? 0 : table.ends[row - 1])..<table.ends[row]]
          values += Int32(text.count).littleEndianBytes + text
        }
        row += 1
      }
      let levels = Self.levels(Self.run(of: 1, count: row - first))
      try writePage(levels + values, count: row - first)
    }
    return chunk(
      type: table.idType == .number ? 2 : 6, path: ["id"], count: table.count, from: start)
  }

  private mutating func writeVectors(of table: VectorTable) throws(CheckpointError) -> Value {
    let start = end
    let byteCount = table.width * table.elementByteCount
    // A record begins with level 0, and goes on with 1.
    let record =
      Self.run(of: 0, count: 1) + (table.width > 1 ? Self.run(of: 1, count: table.width - 1) : [])
    var row = 0
    while row < table.count {
      let next = min(table.count, row + max(1, Self.pageByteCount / max(1, byteCount)))
      let repetitions = Self.levels((row..<next).flatMap { _ in record })
      let definitions = Self.levels(Self.run(of: 3, count: (next - row) * table.width))
      try writePage(
        repetitions + definitions + table.numbers[(row * byteCount)..<(next * byteCount)],
        count: (next - row) * table.width)
      row = next
    }
    return chunk(
      type: table.isHalf ? 7 : 4, path: ["embedding", "list", "element"],
      count: table.count * table.width, from: start)
  }

  private mutating func writePage(_ content: [UInt8], count: Int) throws(CheckpointError) {
    let page: [(Int, Value)] = [(1, .int32(count)), (2, .int32(0)), (3, .int32(3)), (4, .int32(3))]
    let header = ThriftWriter.bytes(of: [
      (1, .int32(0)), (2, .int32(content.count)), (3, .int32(content.count)), (5, .structure(page)),
    ])
    try append(header + content)
  }

  private func chunk(type: Int, path: [String], count: Int, from start: Int) -> Value {
    let metadata: [(Int, Value)] = [
      (1, .int32(type)), (2, .list([.int32(0), .int32(3)])), (3, .list(path.map { .string($0) })),
      (4, .int32(0)), (5, .int64(count)), (6, .int64(end - start)), (7, .int64(end - start)),
      (9, .int64(start)),
    ]
    return .structure([(2, .int64(start)), (3, .structure(metadata))])
  }

  /// `count` times the same level of one or two bits.
  private static func run(of level: UInt8, count: Int) -> [UInt8] {
    ThriftWriter.variable(count << 1) + [level]
  }

  private static func levels(_ runs: [UInt8]) -> [UInt8] {
    Int32(runs.count).littleEndianBytes + runs
  }

  private static func schema(of table: VectorTable) -> [Value] {
    let optional = (3, Value.int32(1))
    var id: [(Int, Value)] = [
      (1, .int32(table.idType == .number ? 2 : 6)), optional, (4, .string("id")),
    ]
    if table.idType == .text {
      id += [(6, .int32(0)), (10, .structure([(1, .structure([]))]))]
    }
    var element: [(Int, Value)] = [(1, .int32(table.isHalf ? 7 : 4))]
    if table.isHalf { element.append((2, .int32(2))) }
    element += [optional, (4, .string("element"))]
    if table.isHalf { element.append((10, .structure([(15, .structure([]))]))) }
    return [
      .structure([(4, .string("schema")), (5, .int32(2))]),
      .structure(id),
      .structure([
        optional, (4, .string("embedding")), (5, .int32(1)), (6, .int32(3)),
        (10, .structure([(3, .structure([]))])),
      ]),
      .structure([(3, .int32(2)), (4, .string("list")), (5, .int32(1))]),
      .structure(element),
    ]
  }
}

extension [UInt8] {
  /// The bytes in 64 characters (RFC 4648, section 4).
  fileprivate var base64: String {
    let characters = Array(
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: count, by: 3) {
      let group = (0..<3).map { start + $0 < count ? Int(self[start + $0]) : 0 }
      let bits = group[0] << 16 | group[1] << 8 | group[2]
      for place in 0..<4 {
        let isThere = start + place <= count
        text.append(isThere ? characters[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
