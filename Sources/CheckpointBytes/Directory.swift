/// What the file system says of a path.
package enum PathKind: Sendable {
  case file, directory, other, nothing

  /// Looks at a path, links followed.
  package init(path: String) throws(CheckpointError) {
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
package enum Directory {
  /// The names in a directory, in byte order.
  package static func names(in path: String) throws(CheckpointError) -> [String] {
    do {
      return try SystemCalls.names(inDirectory: path)
    } catch {
      throw CheckpointError(.inputOutput, file: path, "cannot be listed: \(error.reason)")
    }
  }

  /// The names in a directory that are no UTF-8, as near as text can spell them: nothing in this package can open them.
  package static func unreadableNames(in path: String) throws(CheckpointError) -> [String] {
    do {
      return try SystemCalls.entries(ofDirectory: path).others
    } catch {
      throw CheckpointError(.inputOutput, file: path, "cannot be listed: \(error.reason)")
    }
  }

  /// Makes a directory.
  package static func make(_ path: String) throws(CheckpointError) {
    do {
      try SystemCalls.makeDirectory(path)
    } catch {
      throw CheckpointError(.inputOutput, file: path, "cannot be made: \(error.reason)")
    }
  }

  /// Makes a directory, unless another process has made it in the meantime.
  package static func makeUnlessThere(_ path: String) throws(CheckpointError) {
    do throws(CheckpointError) {
      try make(path)
    } catch {
      guard try PathKind(path: path) == .directory else { throw error }
    }
  }

  /// Removes a file.
  package static func removeFile(_ path: String) throws(CheckpointError) {
    SystemCalls.remove(path)
    guard try PathKind(path: path) == .nothing else {
      throw CheckpointError(.inputOutput, file: path, "cannot be removed")
    }
  }

  /// Removes a directory if it is empty.
  package static func removeIfEmpty(_ path: String) {
    SystemCalls.removeDirectory(path)
  }

  /// A path inside a directory.
  package static func join(_ directory: String, _ name: String) -> String {
    directory.isEmpty ? name : directory.hasSuffix("/") ? directory + name : directory + "/" + name
  }

  /// Which file a path leads to, or nil if there is none.
  package static func identity(of path: String) -> FileIdentity? {
    guard let status = try? SystemCalls.status(path: path) else { return nil }
    return FileIdentity(device: status.device, inode: status.inode)
  }

  /// The size of the file that a path leads to, in bytes. Nothing is opened.
  ///
  /// - Throws: `inputOutput` if there is none.
  package static func fileSize(_ path: String) throws(CheckpointError) -> Int {
    guard let status = try? SystemCalls.status(path: path) else {
      throw CheckpointError(.inputOutput, file: path, "cannot be found")
    }
    return status.size
  }
}

extension Directory {
  /// The path with every link in it followed, or nil if it leads nowhere.
  package static func resolved(_ path: String) -> String? {
    SystemCalls.resolved(path)
  }

  /// Makes a directory and those above it, as far as they are not there.
  package static func makeAll(_ path: String) throws(CheckpointError) {
    var end = path.endIndex
    var missing: [String] = []
    while end > path.startIndex {
      let prefix = String(path[..<end])
      if try PathKind(path: prefix) != .nothing { break }
      missing.append(prefix)
      guard let slash = path[..<end].lastIndex(of: "/") else { break }
      end = slash
    }
    for directory in missing.reversed() where !directory.hasSuffix("/") {
      try makeUnlessThere(directory)
    }
  }
}
