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
      case special = "not compared: a pipe, a socket or a device"
      case unreadableName = "not compared: its name is no UTF-8"
      case leadsNowhere = "not compared: a link that leads nowhere"
      case leadsRound = "not compared: a link that leads round"
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
    let listings = (try Listing(roots.0), try Listing(roots.1))
    var (left, right) = (listings.0.files, listings.1.files)
    let irregular = listings.0.irregular.merging(listings.1.irregular) { first, _ in first }
    guard !left.isEmpty || !right.isEmpty || !irregular.isEmpty else {
      throw CheckpointError(.notFound, file: first, "there are no files in either directory")
    }
    others = irregular.sorted { $0.key < $1.key }
      .map { Other(name: $0.key.string, outcome: $0.value) }
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

  /// The path of a checkpoint before its extension; nil for what is none by its name.
  private static func withoutExtension(_ path: String) -> ExactName? {
    guard CheckpointFormat(fileName: path) != nil, let dot = path.lastIndex(of: ".") else {
      return nil
    }
    return ExactName(String(path[..<dot]))
  }

  /// True if these are the same files, byte for byte.
  static func areEqual(_ first: [String], _ second: [String]) throws(CheckpointError) -> Bool {
    guard first.count == second.count else { return false }
    for (left, right) in zip(first, second) where try !isEqual(left, right) { return false }
    return true
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

/// What lies below a directory, by its paths there. What begins with a dot is not the user's. Links are followed, but to no directory
/// that they lie in.
private struct Listing {
  private(set) var files: [String] = []
  /// What is neither a file nor a directory to look into, by its path.
  private(set) var irregular: [ExactName: FilePairs.Other.Outcome] = [:]
  private let root: String
  /// The directories on the way here.
  private var open: Set<FileIdentity> = []
  /// Directories that share others may have more paths than anybody compares.
  private static let mostFiles = 1_000_000

  init(_ root: String) throws(CheckpointError) {
    self.root = root
    try add("")
  }

  private mutating func add(_ prefix: String) throws(CheckpointError) {
    let directory = prefix.isEmpty ? root : Directory.join(root, prefix)
    let identity = Directory.identity(of: directory)
    guard let identity, open.insert(identity).inserted else {
      irregular[ExactName(prefix)] = .leadsRound
      return
    }
    defer { open.remove(identity) }
    guard files.count + irregular.count <= Self.mostFiles else {
      throw CheckpointError(
        .limitExceeded, file: root, "more than \(Self.mostFiles) files lie below it")
    }
    func path(_ name: String) -> String { prefix.isEmpty ? name : prefix + "/" + name }
    for name in try Directory.unreadableNames(in: directory) {
      irregular[ExactName(path(name))] = .unreadableName
    }
    for name in try Directory.names(in: directory) where !name.hasPrefix(".") {
      // A link that leads to itself cannot be examined.
      switch try? PathKind(path: Directory.join(directory, name)) {
      case .file?: files.append(path(name))
      case .directory?: try add(path(name))
      case .other?: irregular[ExactName(path(name))] = .special
      case .nothing?: irregular[ExactName(path(name))] = .leadsNowhere
      case nil: irregular[ExactName(path(name))] = .leadsRound
      }
    }
  }
}
