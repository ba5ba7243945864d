internal import Synchronization

/// Whole lines of a file, as they stand in it.
package struct LineBlock: Sendable {
  /// The lines, each with its line feed; the last of a file may have none.
  package let bytes: [UInt8]
  /// Where they begin in the file.
  package let offset: Int
  /// The number of the first, counted from 1.
  package let firstLine: Int

  /// Calls `body` with each line that holds more than white space, without its line feed, and with its number.
  package func forEachLine<Failure: Error>(
    _ body: (_ line: Range<Int>, _ number: Int) throws(Failure) -> Void
  ) throws(Failure) {
    var start = 0
    var number = firstLine
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: LineReader.lineFeed) ?? bytes.count
      if bytes[start..<end].contains(where: { $0 > 0x20 }) { try body(start..<end, number) }
      number += 1
      start = end + 1
    }
  }
}

/// Reads a file, or standard input, from its beginning to its end in blocks of whole lines, so that no more than a block lies
/// in memory.
package final class LineReader: Sendable {
  /// The greatest number of bytes in one line.
  package static let greatestLineByteCount = 1 << 30
  /// How many bytes a block has, unless a line is longer.
  package static let blockByteCount = 1 << 17
  static let lineFeed: UInt8 = 0x0A

  private struct State {
    var offset = 0
    var line = 1
    /// What was read of a line that goes on in the next block.
    var rest: [UInt8] = []
    var isAtEnd = false
  }

  /// Nil for standard input.
  private let file: SourceFile?
  /// What errors call it.
  package let name: String
  private let blockByteCount: Int
  private let state = Mutex(State())

  /// Opens a file.
  ///
  /// - Throws: what ``SourceFile`` throws.
  package convenience init(
    path: String, blockByteCount: Int = LineReader.blockByteCount
  ) throws(CheckpointError) {
    self.init(try SourceFile(path: path), name: path, blockByteCount)
  }

  /// Reads standard input, which nobody else must read. A block has what is there, as soon as that is a whole line.
  package static func ofStandardInput(
    blockByteCount: Int = LineReader.blockByteCount
  ) -> LineReader {
    LineReader(nil, name: "standard input", blockByteCount)
  }

  private init(_ file: SourceFile?, name: String, _ blockByteCount: Int) {
    self.file = file
    self.name = name
    self.blockByteCount = max(1, blockByteCount)
  }

  /// The next lines; nil at the end. Of standard input it waits for a line.
  ///
  /// - Throws: `limitExceeded` if a line is longer than ``greatestLineByteCount``, and what reading throws.
  package func next() throws(CheckpointError) -> LineBlock? {
    let result = state.withLock { state in
      Result { () throws(CheckpointError) in try next(&state) }
    }
    return try result.get()
  }

  private func next(_ state: inout State) throws(CheckpointError) -> LineBlock? {
    var bytes = state.rest
    state.rest = []
    let start = state.offset - bytes.count
    // Where the whole lines end. Only what was just read is searched: a long line takes time in proportion.
    var end: Int?
    while end == nil, !state.isAtEnd {
      // A long line is read in steps that grow with it.
      let piece = try piece(at: state.offset, atMost: max(blockByteCount, bytes.count))
      state.offset += piece.count
      state.isAtEnd = piece.isEmpty
      end = piece.lastIndex(of: Self.lineFeed).map { bytes.count + $0 + 1 }
      bytes += piece
      guard end != nil || bytes.count <= Self.greatestLineByteCount else {
        throw CheckpointError(
          .limitExceeded, file: name, offset: start, field: "line \(state.line)",
          "is longer than \(Self.greatestLineByteCount) bytes")
      }
    }
    if let end, end < bytes.count {
      state.rest = Array(bytes[end...])
      bytes.removeLast(bytes.count - end)
    }
    guard !bytes.isEmpty else { return nil }
    let block = LineBlock(bytes: bytes, offset: start, firstLine: state.line)
    state.line += bytes.count { $0 == Self.lineFeed }
    return block
  }

  /// The next bytes; none at the end.
  private func piece(at offset: Int, atMost count: Int) throws(CheckpointError) -> [UInt8] {
    if let file { return try file.bytes(at: offset, count: min(count, file.size - offset)) }
    var bytes = [UInt8](repeating: 0, count: count)
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
        .inputOutput, file: name, offset: offset, "cannot be read: \(failure.reason)")
    }
  }
}
