internal import Weighbridge

/// The files of two directories, put side by side: by their paths, and checkpoints of different formats by what stands before
/// their extensions.
struct FilePairs {
  /// What became of a file that is no checkpoint, or has no counterpart.
  struct Other {
    enum Outcome: String {
      case equal
      case different
      case onlyFirst = "only in the first"
      case onlySecond = "only in the second"
    }
    let name: String
    let outcome: Outcome
  }

  /// Checkpoints that both directories have.
  private(set) var both: [(name: String, paths: (first: String, second: String))] = []
  /// All other files.
  private(set) var others: [Other] = []

  /// - Throws: `notFound` if neither directory holds anything, `inputOutput` for what cannot be listed or read.
  init(_ first: String, _ second: String) throws(CheckpointError) {
    let roots = (try HubCache.located(first), try HubCache.located(second))
    var left = try Self.files(in: roots.0)
    var right = try Self.files(in: roots.1)
    guard !left.isEmpty || !right.isEmpty else {
      throw CheckpointError(.notFound, file: first, "there are no files in either directory")
    }
    let same = Set(left.map { ExactName($0) }).intersection(right.map { ExactName($0) })
    for name in left where same.contains(ExactName(name)) {
      let paths = (Directory.join(roots.0, name), Directory.join(roots.1, name))
      if CheckpointFormat(fileName: name) != nil {
        both.append((name, paths))
      } else {
        others.append(
          Other(name: name, outcome: try Self.isEqual(paths.0, paths.1) ? .equal : .different))
      }
    }
    left.removeAll { same.contains(ExactName($0)) }
    right.removeAll { same.contains(ExactName($0)) }
    for name in left {
      let bare = Self.withoutExtension(name)
      let candidates = right.filter { Self.withoutExtension($0) == bare }
      guard let bare, candidates.count == 1,
        left.count(where: { Self.withoutExtension($0) == bare }) == 1
      else {
        others.append(Other(name: name, outcome: .onlyFirst))
        continue
      }
      both.append(
        (
          "\(name) / \(splitPath(candidates[0]).name)",
          (Directory.join(roots.0, name), Directory.join(roots.1, candidates[0]))
        ))
      right.removeAll { $0 == candidates[0] }
    }
    others += right.map { Other(name: $0, outcome: .onlySecond) }
  }

  /// The regular files below a directory, by their paths in it. What begins with a dot is not the user's.
  private static func files(
    in directory: String, below prefix: String = "", depth: Int = 0
  ) throws(CheckpointError) -> [String] {
    var found: [String] = []
    let place = prefix.isEmpty ? directory : Directory.join(directory, prefix)
    for name in try Directory.names(in: place) where !name.hasPrefix(".") {
      let path = prefix.isEmpty ? name : prefix + "/" + name
      switch try PathKind(path: Directory.join(directory, path)) {
      case .file: found.append(path)
      case .directory where depth < 16:
        found += try files(in: directory, below: path, depth: depth + 1)
      default: break
      }
    }
    return found
  }

  /// The path of a checkpoint before its extension; nil for what is none by its name.
  private static func withoutExtension(_ path: String) -> ExactName? {
    guard CheckpointFormat(fileName: path) != nil, let dot = path.lastIndex(of: ".") else {
      return nil
    }
    return ExactName(String(path[..<dot]))
  }

  private static func isEqual(_ first: String, _ second: String) throws(CheckpointError) -> Bool {
    let (left, right) = (try SourceFile(path: first), try SourceFile(path: second))
    guard left.size == right.size else { return false }
    let piece = 4 << 20
    for start in stride(from: 0, to: left.size, by: piece) {
      let count = min(piece, left.size - start)
      guard try left.bytes(at: start, count: count) == right.bytes(at: start, count: count) else {
        return false
      }
    }
    return true
  }
}
