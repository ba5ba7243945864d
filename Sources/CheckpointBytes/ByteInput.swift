/// A file, standard input, or bytes in memory, read from the beginning to the end.
package struct ByteInput: Sendable {
  private enum Content: Sendable {
    case standardInput
    case file(SourceFile)
    case bytes([UInt8])
  }

  private let content: Content
  /// What errors call it.
  package let name: String

  /// Opens a file; `-` is standard input, which nobody else must read.
  ///
  /// - Throws: what ``SourceFile`` throws.
  package init(path: String) throws(CheckpointError) {
    if path == "-" {
      (content, name) = (.standardInput, "standard input")
    } else {
      (content, name) = (.file(try SourceFile(path: path)), path)
    }
  }

  /// Bytes in memory.
  ///
  /// - Parameter name: What errors call them.
  package init(_ bytes: [UInt8], name: String) {
    (content, self.name) = (.bytes(bytes), name)
  }

  /// The number of bytes, where any of them can be read before the others; nil for standard input.
  package var size: Int? {
    switch content {
    case .standardInput: nil
    case .file(let file): file.size
    case .bytes(let bytes): bytes.count
    }
  }

  /// The next bytes; none at the end. Standard input gives what is there, and is waited for if that is nothing.
  ///
  /// - Parameters:
  ///   - offset: How many bytes have been read.
  ///   - count: The most that is wanted, above 0.
  /// - Throws: `inputOutput`.
  package func bytes(at offset: Int, atMost count: Int) throws(CheckpointError) -> [UInt8] {
    switch content {
    case .standardInput: return try Self.readNext(atMost: count, at: offset)
    case .file(let file): return try file.bytes(at: offset, count: min(count, file.size - offset))
    case .bytes(let bytes): return Array(bytes.dropFirst(offset).prefix(count))
    }
  }

  /// More than a pipe gives at a time: room for all that is wanted, made anew for each piece, would take time with the square of it.
  private static let greatestPiece = 1 << 17

  private static func readNext(
    atMost count: Int, at offset: Int
  ) throws(CheckpointError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: min(count, greatestPiece))
    let result = unsafe bytes.withUnsafeMutableBytes { buffer -> Result<Int, SystemFailure> in
      guard let start = buffer.baseAddress else { return .success(0) }
      return Result { () throws(SystemFailure) in
        try unsafe SystemCalls.readNext(0, into: start, count: buffer.count)
      }
    }
    switch result {
    case .success(let count):
      bytes.removeLast(bytes.count - count)
      return bytes
    case .failure(let failure):
      throw CheckpointError(
        .inputOutput, file: "standard input", offset: offset, "cannot be read: \(failure.reason)")
    }
  }
}
