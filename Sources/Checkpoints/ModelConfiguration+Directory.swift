public import CheckpointBytes
public import LayoutRules

extension ModelConfiguration {
  /// The configuration in a model directory; nil if the path is no directory, or has no `config.json`.
  ///
  /// - Throws: what reading the file throws; `unsupported` if it is of a model that is not known here.
  public init?(inDirectory path: String) throws(CheckpointError) {
    guard try PathKind(path: path) == .directory,
      let bytes = try Self.bytes(Directory.join(path, "config.json"))
    else { return nil }
    let taskPath = Directory.join(path, KerasPreset.taskDescription)
    let task = try Self.bytes(taskPath).map { (bytes: $0, file: taskPath) }
    try self.init(parsing: bytes, file: Directory.join(path, "config.json"), task: task)
  }

  private static func bytes(_ path: String) throws(CheckpointError) -> [UInt8]? {
    guard try PathKind(path: path) == .file else { return nil }
    let file = try SourceFile(path: path)
    guard file.size <= mostBytes else {
      throw CheckpointError(
        .limitExceeded, file: path, "\(file.size) bytes, at most \(mostBytes) are read")
    }
    return try file.bytes(at: 0, count: file.size)
  }

  /// More than any configuration has, labels included.
  private static let mostBytes = 64 << 20
}
