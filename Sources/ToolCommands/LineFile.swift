internal import Synchronization
internal import Weighbridge

/// Files of JSON lines that hold texts.
enum LineFile {
  /// The texts of a file, one object a line; empty lines are passed over.
  static func inputs(_ path: String) throws(CheckpointError) -> [TokenizerInput] {
    let reader = try LineReader(path: path)
    var inputs: [TokenizerInput] = []
    while let block = try reader.next() { inputs += try block.inputs(file: path) }
    return inputs
  }

  /// Answers a file block by block, several at a time, and writes the answers in the order of the lines. Memory does not grow
  /// with the file.
  ///
  /// - Throws: the error of the first line that has one; what stands before it may be written then.
  static func answer(
    _ path: String, to answers: LineAnswers,
    _ answer: @escaping @Sendable (LineBlock) throws(CheckpointError) -> [UInt8]
  ) throws(CheckpointError) {
    let reader = try LineReader(path: path)
    try inOrder(
      next: { () throws(CheckpointError) in try reader.next() },
      work: answer,
      finish: { (bytes) throws(CheckpointError) in try answers.write(bytes) })
  }
}

/// Where answers go: to a file, which is there when it is whole, or to standard output.
final class LineAnswers: Sendable {
  private let file: OutputFile?
  private let console: Console
  private let written = Mutex(0)

  /// Answers for a file, or for the console.
  init(path: String?, _ console: Console) throws(CheckpointError) {
    file = try path.map { path throws(CheckpointError) in try OutputFile(path: path) }
    self.console = console
  }

  /// Appends lines.
  func write(_ bytes: [UInt8]) throws(CheckpointError) {
    guard let file else { return console.write(String(decoding: bytes, as: UTF8.self)) }
    let place = written.withLock { written in
      defer { written += bytes.count }
      return written
    }
    try file.write(bytes, at: place)
  }

  /// Puts a file in its place.
  func commit() throws(CheckpointError) { try file?.commit() }
}
