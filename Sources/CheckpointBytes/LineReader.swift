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
      if !bytes[start..<end].allSatisfy(LineReader.isWhiteSpace) { try body(start..<end, number) }
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

  /// True for a space, a tab, and what ends lines and pages: no text begins with any of them that says something.
  package static func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D) ~= byte }

  /// U+FEFF in UTF-8.
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private struct State {
    /// How much has been read.
    var offset: Int
    var line = 1
    /// What was read of a line that goes on in the next block.
    var rest: [UInt8]
    var isAtEnd = false
  }

  private let input: ByteInput
  private let blockByteCount: Int
  private let state: Mutex<State>

  /// What errors call it.
  package var name: String { input.name }

  /// Opens a file.
  ///
  /// - Throws: what ``SourceFile`` throws.
  package convenience init(
    path: String, blockByteCount: Int = LineReader.blockByteCount
  ) throws(CheckpointError) {
    self.init(try ByteInput(path: path), blockByteCount: blockByteCount)
  }

  /// Reads an input. A block of standard input has what is there, as soon as that is a whole line.
  ///
  /// - Parameters:
  ///   - beginning: What has been read of it already.
  ///   - blockByteCount: About how much is read at a time.
  package init(
    _ input: ByteInput, beginning: [UInt8] = [], blockByteCount: Int = LineReader.blockByteCount
  ) {
    self.input = input
    self.blockByteCount = max(1, blockByteCount)
    state = Mutex(State(offset: beginning.count, rest: beginning))
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
    var end = start == 0 ? bytes.lastIndex(of: Self.lineFeed).map { $0 + 1 } : nil
    while end == nil, !state.isAtEnd {
      let piece = try input.bytes(at: state.offset, atMost: blockByteCount)
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
    // What editors of other systems put before a text is no part of its first line.
    let mark = start == 0 && bytes.starts(with: Self.byteOrderMark) ? Self.byteOrderMark.count : 0
    bytes.removeFirst(mark)
    guard !bytes.isEmpty else { return nil }
    let block = LineBlock(bytes: bytes, offset: start + mark, firstLine: state.line)
    state.line += bytes.count { $0 == Self.lineFeed }
    return block
  }
}
