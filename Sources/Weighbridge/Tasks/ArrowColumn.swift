internal import CheckpointBytes

/// A column of an Arrow stream whose values can be members of rows.
struct ArrowColumn: Sendable {
  /// What the values are.
  indirect enum Kind: Sendable {
    case null
    case boolean
    case integer(byteCount: Int, isSigned: Bool)
    case float(byteCount: Int)
    /// UTF-8; places are numbers of 64 bits where it is large.
    case text(isLarge: Bool)
    /// UTF-8 that lies in its row's sixteen bytes, or where these say.
    case textView
    case list(isLarge: Bool, of: Kind)
  }

  /// The member's key.
  let name: ExactName
  /// What the values are.
  let kind: Kind

  /// Reads a field of a schema (arrow/format/Schema.fbs, `Field`).
  ///
  /// - Throws: `unsupported`, naming the column, for what no row has.
  init(_ field: FlatBufferTable, at offset: Int) throws(ParseFailure) {
    let name = try field.text(0, "the name of a column") ?? ""
    self.name = ExactName(name)
    kind = try Self.kind(of: field, at: offset, "column \(quoted(name))", isItem: false)
  }

  private static func kind(
    of field: FlatBufferTable, at offset: Int, _ place: String, isItem: Bool
  ) throws(ParseFailure) -> Kind {
    guard try field.table(4, place) == nil else {
      throw ParseFailure(
        .unsupported, at: offset, place, "its values are encoded by a dictionary",
        remedy: "decode it before it is sent (pyarrow: dictionary_decode, cast)")
    }
    let number = try field.number(2, else: UInt8(0))
    let type = try field.table(3, place)
    switch number {
    // As an item, it would be as many values as the stream likes, of no bytes.
    case 1 where !isItem: return .null
    case 2:
      let bits = try type?.number(0, else: Int32(0)) ?? 0
      guard [8, 16, 32, 64].contains(bits) else {
        throw ParseFailure(.malformed, at: offset, place, "has whole numbers of \(bits) bits")
      }
      return .integer(
        byteCount: Int(bits) / 8, isSigned: try type?.number(1, else: UInt8(0)) ?? 0 != 0)
    case 3:
      switch try type?.number(0, else: Int16(0)) ?? 0 {
      case 1: return .float(byteCount: 4)
      case 2: return .float(byteCount: 8)
      default: break
      }
    case 5: return .text(isLarge: false)
    case 6: return .boolean
    case 20: return .text(isLarge: true)
    case 24: return .textView
    case 12 where !isItem, 21 where !isItem:
      let items = try field.tables(5, atMost: 1, place)
      guard let item = items.first else {
        throw ParseFailure(.malformed, at: offset, place, "is a list of nothing")
      }
      return .list(
        isLarge: number == 21, of: try kind(of: item, at: offset, place, isItem: true))
    default: break
    }
    let found = names.indices.contains(Int(number)) ? names[Int(number)] : "type \(number)"
    throw ParseFailure(
      .unsupported, at: offset, place,
      "expected strings, numbers, booleans or lists of them, found \(isItem ? "a list of " : "")\(found)",
      remedy: "leave the column out, or cast it")
  }

  /// The types by their numbers (`Type`).
  private static let names = [
    "no type", "null", "integer", "float16", "binary", "utf8", "boolean", "decimal", "date", "time",
    "timestamp", "interval", "list", "struct", "union", "fixed_size_binary", "fixed_size_list",
    "map",
    "duration", "large_binary", "large_utf8", "large_list", "run_end_encoded", "binary_view",
    "string_view", "list_view", "large_list_view",
  ]
}

/// The values of a column in a record batch, whose places have all been checked.
struct ArrowValues: Sendable {
  private let body: [UInt8]
  private let kind: ArrowColumn.Kind
  /// How many there are.
  let count: Int
  /// A bit for each value that is there; nil if all are.
  private var validity: Range<Int>?
  /// Where texts and lists end, one number more than there are.
  private var offsets = 0..<0
  private var values = 0..<0
  /// What views of texts lead to.
  private var buffers: [Range<Int>] = []
  private var items: [ArrowValues] = []

  /// Takes the next parts of a batch for a column.
  init(_ kind: ArrowColumn.Kind, _ batch: inout ArrowBatchParts) throws(ParseFailure) {
    let (count, nullCount) = try batch.nextNode()
    self.kind = kind
    self.count = count
    body = batch.body
    if case .null = kind { return }
    let bits = try batch.nextBuffer()
    if nullCount > 0 {
      guard bits.count >= count / 8 + (count % 8 == 0 ? 0 : 1) else {
        throw batch.tooShort("of validity", bits, count)
      }
      validity = bits
    }
    switch kind {
    case .null: break
    case .boolean:
      values = try batch.nextBuffer()
      guard values.count >= count / 8 + (count % 8 == 0 ? 0 : 1) else {
        throw batch.tooShort("of values", values, count)
      }
    case .integer(let byteCount, _), .float(let byteCount):
      values = try batch.nextBuffer()
      guard values.count / byteCount >= count else {
        throw batch.tooShort("of values", values, count)
      }
    case .text(let isLarge):
      offsets = try batch.nextBuffer()
      values = try batch.nextBuffer()
      try checkOffsets(isLarge, below: values.count, batch)
    case .textView:
      values = try batch.nextBuffer()
      guard values.count / Self.viewByteCount >= count else {
        throw batch.tooShort("of views", values, count)
      }
      for _ in 0..<(try batch.nextBufferCount()) { buffers.append(try batch.nextBuffer()) }
      try checkViews(batch)
    case .list(let isLarge, let item):
      offsets = try batch.nextBuffer()
      let parts = try ArrowValues(item, &batch)
      items = [parts]
      try checkOffsets(isLarge, below: parts.count, batch)
    }
  }

  /// Each text or list begins where the one before it ends, and the last ends within what is there.
  private func checkOffsets(
    _ isLarge: Bool, below end: Int, _ batch: ArrowBatchParts
  ) throws(ParseFailure) {
    // A column of no rows may leave out the one number that it has.
    if count == 0, offsets.isEmpty { return }
    guard offsets.count / (isLarge ? 8 : 4) > count else {
      throw batch.tooShort("of offsets", offsets, count)
    }
    var last = 0
    for place in 0...count {
      let next = offset(place, isLarge)
      guard next >= last, next <= end else {
        throw ParseFailure(
          .malformed, at: batch.base + offsets.lowerBound, "buffer of offsets",
          "expected \(last) to \(end) behind row \(place), found \(next)")
      }
      last = next
    }
  }

  /// A view has four bytes of length, and the text if that is twelve at most, or else its first four bytes, the number of a buffer and a
  /// place there. Texts may share bytes, so that what all of them come to is bounded.
  private func checkViews(_ batch: ArrowBatchParts) throws(ParseFailure) {
    var total = 0
    for row in 0..<count {
      if let validity, !bit(row, of: validity) { continue }
      guard let range = view(row) else {
        throw ParseFailure(
          .malformed, at: batch.base + values.lowerBound + row * Self.viewByteCount,
          "buffer of views", "the text of row \(row) lies outside of the column's buffers")
      }
      total += range.count
      guard total <= ArrowReader.greatestBody else {
        throw ParseFailure(
          .limitExceeded, at: batch.base + values.lowerBound, "buffer of views",
          "the texts come to more than \(ArrowReader.greatestBody) bytes",
          remedy: "send smaller record batches")
      }
    }
  }

  /// Where the text of a row lies in the body; nil for a place that there is not.
  private func view(_ row: Int) -> Range<Int>? {
    let start = values.lowerBound + row * Self.viewByteCount
    func number(_ place: Int) -> Int { Int(Int32(truncatingIfNeeded: bits(at: start + place, 4))) }
    let length = number(0)
    guard length > Self.viewByteCount - 4 else {
      return length < 0 ? nil : start + 4..<start + 4 + length
    }
    let (buffer, place) = (number(8), number(12))
    guard buffers.indices.contains(buffer), place >= 0, place <= buffers[buffer].count,
      length <= buffers[buffer].count - place
    else { return nil }
    let first = buffers[buffer].lowerBound + place
    return first..<first + length
  }

  private static let viewByteCount = 16

  /// The value of a row; nil if it has none, or a number that is not finite.
  ///
  /// - Throws: `malformed` for a text that is not UTF-8.
  func value(_ row: Int) throws(ParseFailure) -> JSONValue? {
    if let validity, !bit(row, of: validity) { return nil }
    switch kind {
    case .null: return nil
    case .boolean: return .boolean(bit(row, of: values))
    case .integer(let byteCount, let isSigned):
      let bits = bits(at: values.lowerBound + row * byteCount, byteCount)
      guard isSigned else { return .integer(bits) }
      let unused = UInt64(64 - 8 * byteCount)
      return .integer(Int64(bitPattern: bits << unused) >> Int64(unused))
    case .float(let byteCount):
      let bits = bits(at: values.lowerBound + row * byteCount, byteCount)
      let number =
        byteCount == 4
        ? Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))) : Double(bitPattern: bits)
      // No row of JSON has another.
      return number.isFinite ? .double(number) : nil
    case .text(let isLarge):
      let start = values.lowerBound + offset(row, isLarge)
      return try text(start..<values.lowerBound + offset(row + 1, isLarge))
    case .textView: return try view(row).map(text)
    case .list(let isLarge, _):
      var elements: [JSONValue] = []
      for item in offset(row, isLarge)..<offset(row + 1, isLarge) {
        elements.append(try items.first?.value(item) ?? .null)
      }
      return .array(elements)
    }
  }

  private func text(_ range: Range<Int>) throws(ParseFailure) -> JSONValue {
    guard let text = String(validating: body[range], as: UTF8.self) else {
      throw ParseFailure(.malformed, "text", "is not UTF-8")
    }
    return .string(text)
  }

  private func offset(_ place: Int, _ isLarge: Bool) -> Int {
    let byteCount = isLarge ? 8 : 4
    let bits = bits(at: offsets.lowerBound + place * byteCount, byteCount)
    return isLarge ? Int(Int64(bitPattern: bits)) : Int(Int32(truncatingIfNeeded: bits))
  }

  private func bit(_ row: Int, of buffer: Range<Int>) -> Bool {
    body[buffer.lowerBound + row / 8] >> UInt8(row % 8) & 1 == 1
  }

  private func bits(at place: Int, _ byteCount: Int) -> UInt64 {
    var bits: UInt64 = 0
    for byte in 0..<byteCount { bits |= UInt64(body[place + byte]) << UInt64(8 * byte) }
    return bits
  }
}

/// The parts of a record batch (arrow/format/Message.fbs, `RecordBatch`), in the order of the columns.
struct ArrowBatchParts {
  /// How many rows there are.
  let count: Int
  /// All buffers.
  let body: [UInt8]
  /// Where the body begins in the stream.
  let base: Int
  private var nodes: ArraySlice<(Int64, Int64)>
  private var buffers: ArraySlice<(Int64, Int64)>
  /// How many buffers the columns have whose texts are views.
  private var viewBuffers: ArraySlice<Int64>
  /// What buffers may still have of the body.
  private var left: Int

  /// Reads the message of a batch.
  ///
  /// - Throws: `unsupported` for a compressed body.
  init(_ batch: FlatBufferTable, _ body: [UInt8], at base: Int) throws(ParseFailure) {
    if let compression = try batch.table(3, "compression") {
      let codec = try compression.number(0, else: UInt8(0)) == 0 ? "LZ4" : "Zstandard"
      throw ParseFailure(
        .unsupported, at: base, "compression", "the buffers are compressed with \(codec)",
        remedy: "write the stream without compression")
    }
    guard let count = Int(exactly: try batch.number(0, else: Int64(0))), count >= 0 else {
      throw ParseFailure(.malformed, at: base, "length", "is negative")
    }
    self.count = count
    self.body = body
    self.base = base
    left = body.count
    nodes = try batch.pairs(1, "nodes")[...]
    buffers = try batch.pairs(2, "buffers")[...]
    viewBuffers = try batch.numbers(4, "variadicBufferCounts")[...]
  }

  /// How many values the next column, or its items, have, and how many of them are missing.
  mutating func nextNode() throws(ParseFailure) -> (count: Int, nullCount: Int) {
    guard let node = nodes.popFirst() else {
      throw ParseFailure(.malformed, at: base, "nodes", "there are fewer than columns")
    }
    guard let count = Int(exactly: node.0), let nulls = Int(exactly: node.1), count >= 0,
      nulls >= 0, nulls <= count
    else {
      throw ParseFailure(
        .malformed, at: base, "nodes", "\(node.1) of \(node.0) values are said to be missing")
    }
    return (count, nulls)
  }

  /// How many buffers the next column of views has.
  mutating func nextBufferCount() throws(ParseFailure) -> Int {
    guard let count = viewBuffers.popFirst(), count >= 0, count <= buffers.count else {
      throw ParseFailure(
        .malformed, at: base, "variadicBufferCounts", "they are no numbers of the buffers")
    }
    return Int(count)
  }

  /// The next buffer's place in the body.
  ///
  /// - Throws: `malformed` for a place outside of it, and for buffers that are more than it is together: they would lie in one another, and
  ///   a short body could be as many values as there are columns.
  mutating func nextBuffer() throws(ParseFailure) -> Range<Int> {
    guard let buffer = buffers.popFirst() else {
      throw ParseFailure(.malformed, at: base, "buffers", "there are fewer than columns need")
    }
    guard let start = Int(exactly: buffer.0), let count = Int(exactly: buffer.1), start >= 0,
      count >= 0, start <= body.count, count <= body.count - start
    else {
      throw ParseFailure(
        .malformed, at: base, "buffers",
        "\(buffer.1) bytes at \(buffer.0) lie outside the body's \(body.count)")
    }
    left -= count
    guard left >= 0 else {
      throw ParseFailure(
        .malformed, at: base + start, "buffers",
        "they are \(-left) bytes more than the body's \(body.count)")
    }
    return start..<start + count
  }

  /// The failure of a buffer that is too short for its values.
  func tooShort(_ what: String, _ buffer: Range<Int>, _ count: Int) -> ParseFailure {
    ParseFailure(
      .malformed, at: base + buffer.lowerBound, "buffer \(what)",
      "\(buffer.count) bytes are not enough for \(count) values")
  }
}
