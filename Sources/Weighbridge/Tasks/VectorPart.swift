internal import CheckpointBytes

/// What a file of vectors is.
package enum VectorFormat: String, Sendable, CaseIterable {
  /// An array of NumPy, `[vectors, width]`.
  case npy
  /// One tensor, `embeddings`, `[vectors, width]`.
  case safetensors
  /// Arrow's file of record batches: columns `id` and `embedding`, a `fixed_size_list`.
  case arrow
  /// The same as Arrow's stream.
  case arrows
  /// The same columns as Parquet.
  case parquet

  /// The format of a path, by its extension.
  package init?(path: String) {
    guard let format = Self.allCases.first(where: { path.hasSuffix("." + $0.rawValue) }) else {
      return nil
    }
    self = format
  }

  /// True if vectors have ids there.
  package var hasIDs: Bool { self == .arrow || self == .arrows || self == .parquet }
}

/// One file of vectors that is being written. It is there when it is whole; no more than some vectors lie in memory.
struct VectorPart {
  private enum Writer {
    case array
    case arrow(ArrowWriter)
    case parquet(ParquetWriter)
  }

  private let file: OutputFile
  private let format: VectorFormat
  private let precision: EmbeddingPrecision
  private var writer: Writer
  private var table: VectorTable?
  private var width: Int
  /// The vectors so far.
  private(set) var count = 0

  /// What precedes the data of an array: room for any header.
  private static let headerByteCount = 128

  /// Makes the file.
  ///
  /// - Parameter width: The numbers of a vector, if that is known.
  /// - Throws: `inputOutput` if it cannot be made.
  init(
    path: String, format: VectorFormat, precision: EmbeddingPrecision, width: Int
  ) throws(CheckpointError) {
    file = try OutputFile(path: path)
    self.format = format
    self.precision = precision
    self.width = precision.width(of: width)
    switch format {
    case .npy, .safetensors: writer = .array
    case .arrow, .arrows: writer = .arrow(ArrowWriter(file, isStream: format == .arrows))
    case .parquet: writer = .parquet(ParquetWriter(file))
    }
  }

  /// Appends a vector, with its id where there are ids.
  mutating func append(
    _ vector: [Float], ranges: EmbeddingRanges, id: JSONValue
  ) throws(CheckpointError) {
    let bytes = precision.bytes(of: vector, ranges: ranges)
    width = precision.width(of: vector.count)
    if case .array = writer {
      try file.write(bytes, at: Self.headerByteCount + count * bytes.count)
    } else {
      var rows = table ?? emptyTable(id)
      table = nil
      try rows.append(id, bytes)
      if rows.isFull { try write(&rows) }
      table = rows
    }
    count += 1
  }

  /// Puts the file in its place.
  ///
  /// - Parameter idsAreText: What ids a table without rows has.
  mutating func commit(idsAreText: Bool) throws(CheckpointError) {
    var rows = table ?? emptyTable(idsAreText ? .string("") : .integer(0))
    if rows.count > 0 { try write(&rows) }
    switch writer {
    case .array: try file.write(header, at: 0)
    case .arrow(var arrow): try arrow.finish(rows)
    case .parquet(var parquet): try parquet.finish(rows)
    }
    try file.commit()
  }

  private func emptyTable(_ id: JSONValue) -> VectorTable {
    VectorTable(
      idType: id.string == nil ? .number : .text, width: width, isHalf: precision == .float16)
  }

  private mutating func write(_ rows: inout VectorTable) throws(CheckpointError) {
    switch writer {
    case .array: break
    case .arrow(var arrow):
      try arrow.write(rows)
      writer = .arrow(arrow)
    case .parquet(var parquet):
      try parquet.write(rows)
      writer = .parquet(parquet)
    }
    rows.removeAll()
  }

  /// The header: of NumPy's format 1.0 (`numpy/lib/format.py`), or of safetensors; both may end with spaces.
  private var header: [UInt8] {
    let isNumPy = format == .npy
    let room = Self.headerByteCount - (isNumPy ? 10 : 8)
    let text: String
    if isNumPy {
      text =
        "{'descr': '\(precision.numPyType)', 'fortran_order': False, 'shape': (\(count), \(width)), }"
    } else {
      let end = count * width * precision.elementByteCount
      text =
        "{\"embeddings\":{\"dtype\":\"\(precision.safetensorsType)\",\"shape\":[\(count),\(width)],"
        + "\"data_offsets\":[0,\(end)]}}"
    }
    var bytes: [UInt8] =
      isNumPy
      ? [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(room), 0] : [UInt8(room), 0, 0, 0, 0, 0, 0, 0]
    bytes += Array(text.utf8)
    bytes += Array(repeating: 0x20, count: max(0, Self.headerByteCount - bytes.count))
    if isNumPy { bytes[bytes.count - 1] = 0x0A }
    return bytes
  }
}

extension EmbeddingPrecision {
  fileprivate var numPyType: String {
    switch self {
    case .float32: "<f4"
    case .float16: "<f2"
    case .int8, .binary: "|i1"
    case .uint8, .ubinary: "|u1"
    }
  }

  fileprivate var safetensorsType: String {
    switch self {
    case .float32: "F32"
    case .float16: "F16"
    case .int8, .binary: "I8"
    case .uint8, .ubinary: "U8"
    }
  }

  fileprivate var elementByteCount: Int {
    switch self {
    case .float32: 4
    case .float16: 2
    case .int8, .uint8, .binary, .ubinary: 1
    }
  }
}
