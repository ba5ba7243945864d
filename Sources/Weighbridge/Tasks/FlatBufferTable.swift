internal import CheckpointBytes

/// A table of a FlatBuffer that is read (flatbuffers.dev, "FlatBuffers internals"): what Arrow's messages are written in. Whatever
/// the bytes say, no place outside of them is looked at.
///
/// ```
/// root:   distance to the table
/// table:  distance back to the list of fields │ fields
/// list:   its size │ the table's size │ place of each field in the table, 0 if it is left out
/// ```
struct FlatBufferTable {
  private let cursor: ByteCursor
  private let start: Int
  /// Where fields are, from the table's beginning; 0 for one that is left out.
  private let places: [UInt16]
  /// What failures call it.
  private let name: String

  /// The fields that are looked for: a table of Arrow's has seven. Thousands of tables may share one list of thousands.
  private static let greatestFieldCount = 16

  /// How many bytes the buffer has.
  var byteCount: Int { cursor.bytes.count }

  /// The root table.
  ///
  /// - Parameters:
  ///   - bytes: The whole buffer.
  ///   - base: Where it begins in the stream.
  ///   - name: What failures call it.
  init(root bytes: [UInt8], base: Int, _ name: String) throws(ParseFailure) {
    let cursor = ByteCursor(bytes, base: base)
    try self.init(cursor, at: try Self.target(of: 0, cursor, name), name)
  }

  private init(_ cursor: ByteCursor, at start: Int, _ name: String) throws(ParseFailure) {
    var list = cursor
    try list.seek(to: start, name)
    // A number of 32 bits, so that the difference cannot overflow.
    try list.seek(to: start - Int(try list.read(Int32.self, .little, name)), name)
    let byteCount = try list.read(UInt16.self, .little, name)
    _ = try list.read(UInt16.self, .little, name)
    var places: [UInt16] = []
    for _ in stride(from: 4, to: min(Int(byteCount) - 1, 4 + 2 * Self.greatestFieldCount), by: 2) {
      places.append(try list.read(UInt16.self, .little, name))
    }
    (self.cursor, self.start, self.places, self.name) = (cursor, start, places, name)
  }

  /// The number in a slot, or what it is where it is left out.
  func number<Number: FixedWidthInteger & Sendable>(
    _ slot: Int, else default: Number
  ) throws(ParseFailure) -> Number {
    guard var field = try place(slot) else { return `default` }
    return try field.read(Number.self, .little, name)
  }

  /// The table in a slot.
  func table(_ slot: Int, _ name: String) throws(ParseFailure) -> FlatBufferTable? {
    guard let field = try place(slot) else { return nil }
    return try FlatBufferTable(cursor, at: try Self.target(of: field.position, cursor, name), name)
  }

  /// The text in a slot.
  func text(_ slot: Int, _ name: String) throws(ParseFailure) -> String? {
    guard var vector = try vector(slot, name) else { return nil }
    let count = try vector.read(UInt32.self, .little, name)
    return try vector.readText(UInt64(count), name)
  }

  /// The tables in a slot; none if it is left out.
  ///
  /// - Throws: `limitExceeded` if there are more than `greatest`.
  func tables(
    _ slot: Int, atMost greatest: Int, _ name: String
  ) throws(ParseFailure) -> [FlatBufferTable] {
    guard var vector = try vector(slot, name) else { return [] }
    let count = try vector.read(UInt32.self, .little, name)
    guard count <= greatest else {
      throw ParseFailure(
        .limitExceeded, at: vector.offset, name, "there are \(count), more than \(greatest)")
    }
    var tables: [FlatBufferTable] = []
    for _ in 0..<count {
      let place = vector.position
      try vector.skip(4, name)
      tables.append(
        try FlatBufferTable(cursor, at: try Self.target(of: place, cursor, name), name))
    }
    return tables
  }

  /// The structures of two 64-bit numbers in a slot; none if it is left out.
  func pairs(_ slot: Int, _ name: String) throws(ParseFailure) -> [(Int64, Int64)] {
    guard var vector = try vector(slot, name) else { return [] }
    let count = try vector.read(UInt32.self, .little, name)
    guard UInt64(count) * 16 <= UInt64(vector.remaining) else {
      throw ParseFailure(.truncated, at: vector.offset, name, "there are not \(count) of them")
    }
    var pairs: [(Int64, Int64)] = []
    for _ in 0..<count {
      pairs.append(
        (try vector.read(Int64.self, .little, name), try vector.read(Int64.self, .little, name)))
    }
    return pairs
  }

  /// The 64-bit numbers in a slot; none if it is left out.
  func numbers(_ slot: Int, _ name: String) throws(ParseFailure) -> [Int64] {
    guard var vector = try vector(slot, name) else { return [] }
    let count = try vector.read(UInt32.self, .little, name)
    guard UInt64(count) * 8 <= UInt64(vector.remaining) else {
      throw ParseFailure(.truncated, at: vector.offset, name, "there are not \(count) of them")
    }
    var numbers: [Int64] = []
    for _ in 0..<count { numbers.append(try vector.read(Int64.self, .little, name)) }
    return numbers
  }

  /// The places in a slot where messages with their bodies lie, each a structure of 24 bytes; none if it is left out.
  func blocks(_ slot: Int, _ name: String) throws(ParseFailure) -> [Range<Int>] {
    guard var vector = try vector(slot, name) else { return [] }
    let count = try vector.read(UInt32.self, .little, name)
    guard UInt64(count) * 24 <= UInt64(vector.remaining) else {
      throw ParseFailure(.truncated, at: vector.offset, name, "there are not \(count) of them")
    }
    var blocks: [Range<Int>] = []
    for _ in 0..<count {
      let start = try vector.read(Int64.self, .little, name)
      let message = try vector.read(Int32.self, .little, name)
      try vector.skip(4, name)
      let body = try vector.read(Int64.self, .little, name)
      let (size, overflow) = body.addingReportingOverflow(Int64(message))
      let (end, isTooFar) = start.addingReportingOverflow(size)
      guard start >= 0, message >= 0, body >= 0, !overflow, !isTooFar else {
        throw ParseFailure(.malformed, at: vector.offset, name, "a place beyond 2^63")
      }
      blocks.append(Int(start)..<Int(end))
    }
    return blocks
  }

  private func vector(_ slot: Int, _ name: String) throws(ParseFailure) -> ByteCursor? {
    guard let field = try place(slot) else { return nil }
    var vector = cursor
    try vector.seek(to: try Self.target(of: field.position, cursor, name), name)
    return vector
  }

  /// A cursor at a field; nil if it is left out.
  private func place(_ slot: Int) throws(ParseFailure) -> ByteCursor? {
    guard slot < places.count, places[slot] != 0 else { return nil }
    var field = cursor
    try field.seek(to: start + Int(places[slot]), name)
    return field
  }

  /// What a distance leads to that stands at a place.
  private static func target(
    of place: Int, _ cursor: ByteCursor, _ name: String
  ) throws(ParseFailure) -> Int {
    var cursor = cursor
    try cursor.seek(to: place, name)
    return place + Int(try cursor.read(UInt32.self, .little, name))
  }
}
