public import CheckpointBytes

/// A file under `fixtures/`.
public struct Fixture: Sendable {
  /// The file's path.
  public let path: String

  /// The fixture at a path below `fixtures/`: `tiny-bert/model.safetensors`.
  public init(_ name: String) {
    // This file is Tests/TestSupport/Fixture.swift.
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    path = "/\(root)/fixtures/\(name)"
  }

  /// The fixture's bytes.
  public func bytes() throws(CheckpointError) -> [UInt8] {
    let file = try SourceFile(path: path)
    return try file.bytes(at: 0, count: file.size)
  }
}
