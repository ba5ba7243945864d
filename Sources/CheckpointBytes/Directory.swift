/// What the file system says of a path.
public enum PathKind: Sendable {
  case file, directory, other, nothing

  /// Looks at a path, links followed.
  public init(path: String) throws(CheckpointError) {
    do {
      guard let status = try SystemCalls.status(path: path) else {
        self = .nothing
        return
      }
      self = status.isRegular ? .file : status.isDirectory ? .directory : .other
    } catch {
      throw CheckpointError(.inputOutput, file: path, "cannot be examined: \(error.reason)")
    }
  }
}

/// Operations on directories.
public enum Directory {
  /// The names in a directory, in byte order.
  public static func names(in path: String) throws(CheckpointError) -> [String] {
    do {
      return try SystemCalls.names(inDirectory: path)
    } catch {
      throw CheckpointError(.inputOutput, file: path, "cannot be listed: \(error.reason)")
    }
  }

  /// Makes a directory.
  public static func make(_ path: String) throws(CheckpointError) {
    do {
      try SystemCalls.makeDirectory(path)
    } catch {
      throw CheckpointError(.inputOutput, file: path, "cannot be made: \(error.reason)")
    }
  }

  /// Removes a file.
  public static func removeFile(_ path: String) throws(CheckpointError) {
    SystemCalls.remove(path)
    guard try PathKind(path: path) == .nothing else {
      throw CheckpointError(.inputOutput, file: path, "cannot be removed")
    }
  }

  /// Removes a directory if it is empty.
  public static func removeIfEmpty(_ path: String) {
    SystemCalls.removeDirectory(path)
  }

  /// A path inside a directory.
  public static func join(_ directory: String, _ name: String) -> String {
    directory.isEmpty ? name : directory.hasSuffix("/") ? directory + name : directory + "/" + name
  }

  /// Which file a path leads to, or nil if there is none.
  public static func identity(of path: String) -> FileIdentity? {
    guard let status = try? SystemCalls.status(path: path) else { return nil }
    return FileIdentity(device: status.device, inode: status.inode)
  }
}

extension Directory {
  /// The path with every link in it followed, or nil if it leads nowhere.
  public static func resolved(_ path: String) -> String? {
    SystemCalls.resolved(path)
  }

  /// Makes a directory and those above it, as far as they are not there.
  public static func makeAll(_ path: String) throws(CheckpointError) {
    var end = path.endIndex
    var missing: [String] = []
    while end > path.startIndex {
      let prefix = String(path[..<end])
      if try PathKind(path: prefix) != .nothing { break }
      missing.append(prefix)
      guard let slash = path[..<end].lastIndex(of: "/") else { break }
      end = slash
    }
    for directory in missing.reversed() where !directory.hasSuffix("/") { try make(directory) }
  }
}
