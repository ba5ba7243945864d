internal import Synchronization
internal import Weighbridge

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
