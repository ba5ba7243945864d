/// Where the bytes of a file go that is laid out already: into a file that is being written, or against one that is there.
package protocol FileOutput: Sendable {
  /// Takes bytes at an offset.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CheckpointError)
  /// Takes bytes at an offset.
  func write(_ bytes: [UInt8], at offset: Int) throws(CheckpointError)
  /// Takes the size of the whole.
  func setSize(_ size: Int) throws(CheckpointError)
  /// Is told that a range is complete.
  func startWriteback(at offset: Int, count: Int)
}

extension OutputFile: FileOutput {}

/// A file that is compared with what would be written in its place.
package struct FileComparison: FileOutput {
  private let file: SourceFile

  /// Takes a file that is there.
  package init(_ file: SourceFile) { self.file = file }

  /// - Throws: `mismatch` at the first byte that is another, what reading throws.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CheckpointError) {
    let found = try file.bytes(at: offset, count: bytes.count)
    guard unsafe found.withUnsafeBytes({ unsafe $0.isEqual(to: bytes) }) else {
      throw CheckpointError(
        .mismatch, file: file.path, offset: offset, "holds other bytes than would be written")
    }
  }

  /// - Throws: `mismatch` at the first byte that is another, what reading throws.
  package func write(_ bytes: [UInt8], at offset: Int) throws(CheckpointError) {
    guard try file.bytes(at: offset, count: bytes.count) == bytes else {
      throw CheckpointError(
        .mismatch, file: file.path, offset: offset, "holds other bytes than would be written")
    }
  }

  /// - Throws: `mismatch` if it is another.
  package func setSize(_ size: Int) throws(CheckpointError) {
    guard file.size == size else {
      throw CheckpointError(
        .mismatch, file: file.path, "has \(file.size) bytes, \(size) would be written")
    }
  }

  /// Nothing is written.
  package func startWriteback(at offset: Int, count: Int) {}
}
