package import CheckpointBytes
internal import Synchronization

/// A file of vectors that is being written: `.npy` of NumPy, or `.safetensors` with one tensor `embeddings`, both
/// `[vectors, width]`. It is there when it is whole; no more than a vector lies in memory.
///
/// Where numbers become steps of the range that all vectors have, the vectors wait in a file of float32 that nobody sees.
package final class EmbeddingFile: Sendable {
  private struct State {
    var count = 0
    var width = 0
    var ranges = EmbeddingRanges()
  }

  private let file: OutputFile
  private let waiting: OutputFile?
  private let precision: EmbeddingPrecision
  private let isNumPy: Bool
  private let state = Mutex(State())

  /// What precedes the data: room for any header.
  private static let headerByteCount = 128

  /// Makes the file; the extension says which kind.
  ///
  /// - Throws: `inputOutput` if it cannot be made.
  package init(path: String, precision: EmbeddingPrecision) throws(CheckpointError) {
    file = try OutputFile(path: path)
    // Never committed: it is removed with this object.
    waiting = precision.needsRanges ? try OutputFile(path: path + ".float32") : nil
    self.precision = precision
    isNumPy = path.hasSuffix(".npy")
  }

  /// Appends a vector; all have one width.
  package func append(_ vector: [Float]) throws(CheckpointError) {
    let row = state.withLock { state in
      if precision.needsRanges { state.ranges.insert(vector) }
      state.width = vector.count
      state.count += 1
      return state.count - 1
    }
    if let waiting {
      let bytes = EmbeddingPrecision.float32.bytes(of: vector)
      try waiting.write(bytes, at: row * bytes.count)
    } else {
      let bytes = precision.bytes(of: vector)
      try file.write(bytes, at: Self.headerByteCount + row * bytes.count)
    }
  }

  /// Puts the file in its place.
  ///
  /// - Throws: `inconsistent` if there are steps of the range of a single vector, as the reference refuses them.
  package func commit() throws(CheckpointError) {
    let (count, width, ranges) = state.withLock { ($0.count, $0.width, $0.ranges) }
    if let waiting {
      guard count != 1 else {
        throw CheckpointError(
          .inconsistent, file: file.path, field: "precision",
          "\(precision.rawValue): a single vector has no range that could be divided into steps")
      }
      let source = try waiting.reopen()
      for row in 0..<count {
        let bytes = try source.bytes(at: row * width * 4, count: width * 4)
        let vector = stride(from: 0, to: bytes.count, by: 4).map { place in
          Float(
            bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) })
        }
        try file.write(
          precision.bytes(of: vector, ranges: ranges), at: Self.headerByteCount + row * width)
      }
    }
    try file.write(header(count, precision.width(of: width)), at: 0)
    try file.commit()
  }

  /// The header: of NumPy's format 1.0 (`numpy/lib/format.py`), or of safetensors; both may end with spaces.
  private func header(_ count: Int, _ width: Int) -> [UInt8] {
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
