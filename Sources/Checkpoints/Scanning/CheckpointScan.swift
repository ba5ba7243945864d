public import CheckpointBytes
internal import TorchFormat

/// What is in a file that could run code when somebody loads it, judged: the globals that pickles name and would have
/// called, code in configurations, templates, graphs and archives, and Python sources. Nothing is called; everything is opened,
/// broken and forbidden files included, and archives in archives.
///
/// A file is known to be data only if it was read wholly and understood. What was not is among the ``problems``.
public struct CheckpointScan: Sendable {
  /// What is to be thought of a finding, or of everything together.
  public enum Verdict: String, Sendable, Hashable, CaseIterable {
    /// Known as data.
    case safe
    /// Not known; a reader that takes data only refuses it.
    case unknown
    /// Known to run programs, open files or connections, or load code.
    case dangerous
  }

  /// A global, where a pickle names or uses it; or code, where a configuration, a graph or an archive holds it.
  public struct Finding: Sendable, Hashable {
    /// The file.
    public let file: String
    /// The member of an archive; members of archives in archives joined by `: `.
    public let member: String?
    /// The offset in the member or the file; nil where it is no pickle.
    public let offset: Int?
    /// The operation: `GLOBAL`, `REDUCE`…; nil where it is no pickle.
    public let opcode: String?
    /// `named`, `called`, `instantiated` or `givenState`; `holdsCode` where it is no pickle.
    public let use: String
    /// The global, `module.name`; nil where the file does not say it.
    public let global: String?
    /// The global with what it would have been given: `os.system('echo hi')`; or the code in words.
    public let rendering: String
    /// What is to be thought of it.
    public let verdict: Verdict
    /// Why, in words that follow those of the finding.
    public let reason: String
  }

  /// What was found, in the order in which it was met.
  public private(set) var findings: [Finding] = []
  /// What was not looked into, what could not be read, and pickles that Python would not read to their end.
  public private(set) var problems: [CheckpointError] = []
  /// The number of pickles found, those in archives in archives included.
  public private(set) var pickleCount = 0
  /// The files that were scanned.
  public private(set) var files: [String] = []

  /// The worst verdict; `safe` if all that was found is, and nothing was left unread, `unknown` if something was.
  public var verdict: Verdict {
    CheckpointScan.verdict(on: findings, problems)
  }

  /// The verdict on a part of what was found.
  package static func verdict(
    on findings: some Sequence<Finding>, _ problems: some Collection<CheckpointError>
  ) -> Verdict {
    var isClean = problems.isEmpty
    for finding in findings {
      if finding.verdict == .dangerous { return .dangerous }
      if finding.verdict == .unknown { isClean = false }
    }
    return isClean ? .safe : .unknown
  }

  /// The deepest directories below the one that is scanned.
  private static let directoryDepth = 64
  /// The most files of a tree.
  private static let fileLimit = 1_000_000

  /// Scans a file, or all files of a directory and of those below it. Links are followed to files and directories; each
  /// directory is visited once.
  ///
  /// - Throws: `inputOutput` if the path leads nowhere; what is wrong with a file is among the
  ///   ``problems``.
  public init(
    _ path: String, limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) {
    let path = try HubCache.located(path)
    var contents = TreeContents()
    guard try PathKind(path: path) == .directory else {
      try scan(SourceFile(path: path), limits, &contents)
      return
    }
    _ = try Directory.names(in: path)
    scanTree(path, limits, &contents)
    let explained = contents.explained
    problems.removeAll { explained.contains($0.description) }
  }

  private mutating func scanTree(
    _ root: String, _ limits: ReadLimits, _ contents: inout TreeContents
  ) {
    var seen: Set<FileIdentity> = []
    var pending = [(path: root, depth: 0)]
    while let (path, depth) = pending.popLast() {
      do throws(CheckpointError) {
        switch try PathKind(path: path) {
        case .file:
          guard files.count < CheckpointScan.fileLimit else {
            throw CheckpointError(
              .limitExceeded, file: path, "lies behind \(CheckpointScan.fileLimit) other files")
          }
          try scan(SourceFile(path: path), limits, &contents)
        case .directory:
          guard let identity = Directory.identity(of: path), seen.insert(identity).inserted else {
            continue
          }
          guard depth <= CheckpointScan.directoryDepth else {
            throw CheckpointError(
              .limitExceeded, file: path, "lies \(depth) directories deep and was not looked into")
          }
          for name in try Directory.unreadableNames(in: path) {
            problems.append(
              CheckpointError(
                .unsupported, file: Directory.join(path, name),
                "has a name that is no UTF-8, and was not looked into"))
          }
          let names = try Directory.names(in: path)
          pending += names.reversed().map { (Directory.join(path, $0), depth + 1) }
        case .nothing: throw CheckpointError(.notFound, file: path, "is a link that leads nowhere")
        case .other: throw CheckpointError(.unsupported, file: path, "is no regular file")
        }
      } catch {
        problems.append(error)
      }
    }
  }

  private mutating func scan(
    _ file: SourceFile, _ limits: ReadLimits, _ contents: inout TreeContents
  ) throws(CheckpointError) {
    files.append(file.path)
    var walk = ContentWalk(limits: limits)
    walk.run(on: try ScannedContent(file))
    findings += walk.findings
    problems += walk.problems
    pickleCount += walk.pickleCount
    contents.elementFiles.formUnion(walk.elementFiles)
    if let problem = walk.unknownKind { contents.unknown.append((file.identity, problem)) }
    do throws(CheckpointError) {
      try file.checkUnchanged()
    } catch {
      problems.append(error)
    }
  }
}

/// What files of a tree say of others there.
private struct TreeContents {
  /// Those that ONNX models have elements in.
  var elementFiles: Set<FileIdentity> = []
  /// Those that nothing of their own tells the kind of, with the problem that this is.
  var unknown: [(file: FileIdentity, problem: CheckpointError)] = []

  /// The problems that are none: numbers, as ONNX reads them. What they hold of other loaders' has been looked at.
  var explained: Set<String> {
    Set(unknown.filter { elementFiles.contains($0.file) }.map(\.problem.description))
  }
}
