internal import CheckpointBytes

/// Writes tables of ids and vectors as Arrow's interprocess format (arrow/format/{Message,Schema,File}.fbs, version 5), uncompressed.
///
/// ```
/// file:    "ARROW1" 0 0 │ stream │ footer │ its size │ "ARROW1"
/// stream:  schema │ record batch … │ FFFFFFFF 00000000
/// message: FFFFFFFF │ size │ FlatBuffer, to a multiple of 8 │ body: buffers, each to a multiple of 8
/// ```
struct ArrowWriter {
  private let file: OutputFile
  private let isStream: Bool
  private var end = 0
  /// Offset, size of the message, size of the body.
  private var blocks: [[Int64]] = []
  private var shape: VectorTable?

  private static let magic = Array("ARROW1".utf8)

  /// Begins a file, or a stream without what lets a reader begin anywhere.
  init(_ file: OutputFile, isStream: Bool) {
    self.file = file
    self.isStream = isStream
  }

  /// Writes a table as a record batch.
  mutating func write(_ table: VectorTable) throws(CheckpointError) {
    try begin(table)
    var body: [UInt8] = []
    var places: [[Int64]] = []
    for buffer in Self.buffers(of: table) {
      places.append([Int64(body.count), Int64(buffer.count)])
      body += buffer
      body += Array(repeating: 0, count: -body.count & 7)
    }
    let message = Self.message(type: 3, bodyByteCount: body.count) { buffer in
      let count = Int64(table.count)
      let buffers = buffer.vector(places)
      let nodes = buffer.vector([[count, 0], [count, 0], [count * Int64(table.width), 0]])
      return buffer.table([.long(count), .object(nodes), .object(buffers)])
    }
    // The size of the message is a number of 32 bits, behind which four bytes are nothing.
    blocks.append([Int64(end), Int64(message.count), Int64(body.count)])
    try append(message)
    try append(body)
  }

  /// Writes what is behind the last batch.
  ///
  /// - Parameter empty: What tells the columns where no table has been written.
  mutating func finish(_ empty: VectorTable) throws(CheckpointError) {
    try begin(empty)
    try append([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
    guard !isStream else { return }
    let blocks = blocks
    let shape = shape ?? empty
    let footer = FlatBuffer.finished { buffer in
      let schema = Self.schema(of: shape, in: &buffer)
      let batches = buffer.vector(blocks)
      return buffer.table([.short(4), .object(schema), nil, .object(batches)])
    }
    try append(footer + Int32(footer.count).littleEndianBytes + Self.magic)
  }

  private mutating func begin(_ table: VectorTable) throws(CheckpointError) {
    guard shape == nil else { return }
    shape = VectorTable(idType: table.idType, width: table.width, isHalf: table.isHalf)
    if !isStream { try append(Self.magic + [0, 0]) }
    try append(Self.schemaMessage(of: table))
  }

  private mutating func append(_ bytes: [UInt8]) throws(CheckpointError) {
    try file.write(bytes, at: end)
    end += bytes.count
  }

  /// The message that tells the columns: `id` and `embedding`.
  static func schemaMessage(of table: VectorTable) -> [UInt8] {
    message(type: 1, bodyByteCount: 0) { schema(of: table, in: &$0) }
  }

  /// The buffers of all columns: which are valid, where each text begins, values.
  private static func buffers(of table: VectorTable) -> [[UInt8]] {
    let ids: [[UInt8]] =
      table.idType == .number
      ? [table.ids] : [([0] + table.ends).flatMap { Int32($0).littleEndianBytes }, table.ids]
    return [[]] + ids + [[], [], table.numbers]
  }

  private static func message(
    type: UInt8, bodyByteCount: Int, _ header: (inout FlatBuffer) -> Int
  ) -> [UInt8] {
    let content = FlatBuffer.finished { buffer in
      let header = header(&buffer)
      return buffer.table([
        .short(4), .byte(type), .object(header), .long(Int64(bodyByteCount)),
      ])
    }
    return [0xFF, 0xFF, 0xFF, 0xFF] + Int32(content.count).littleEndianBytes + content
  }

  private static func schema(of table: VectorTable, in buffer: inout FlatBuffer) -> Int {
    func field(
      _ name: String, type: UInt8, _ description: Int, _ children: [Int],
      in buffer: inout FlatBuffer
    ) -> Int {
      let name = buffer.string(name)
      let children = buffer.vector(children)
      return buffer.table([
        .object(name), .byte(1), .byte(type), .object(description), nil, .object(children),
      ])
    }
    let id: Int
    switch table.idType {
    case .number:
      let type = buffer.table([.int(64), .byte(1)])
      id = field("id", type: 2, type, [], in: &buffer)
    case .text:
      let type = buffer.table([])
      id = field("id", type: 5, type, [], in: &buffer)
    }
    let number = buffer.table([.short(table.isHalf ? 0 : 1)])
    let item = field("item", type: 3, number, [], in: &buffer)
    let list = buffer.table([.int(Int32(table.width))])
    let embedding = field("embedding", type: 16, list, [item], in: &buffer)
    let fields = buffer.vector([id, embedding])
    return buffer.table([.short(0), .object(fields)])
  }
}
